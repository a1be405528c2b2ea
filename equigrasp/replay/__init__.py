"""Transitions, buffers, augmentation and the experience log."""
