"""Grasp learning methods, one package each."""
