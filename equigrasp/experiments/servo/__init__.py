"""Experiments with grasps in closed loop."""
