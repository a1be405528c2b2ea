"""Kinematics, motion planning, collision checking and time parameterisation."""
