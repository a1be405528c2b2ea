"""Motions on a RobotCell: grasp, place, home."""
