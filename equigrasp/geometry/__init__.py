"""Transforms, the workspace grid, grasp actions and angles (numpy and scipy only)."""
