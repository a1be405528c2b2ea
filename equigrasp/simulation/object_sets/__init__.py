"""Families of graspable objects, one file each."""
