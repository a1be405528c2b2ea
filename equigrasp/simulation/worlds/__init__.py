"""Simulated worlds, one file each."""
