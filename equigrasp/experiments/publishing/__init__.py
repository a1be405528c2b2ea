"""Weights with a model card, from a run."""
