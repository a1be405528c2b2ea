"""Calibration tried on a simulated cell that was displaced."""
