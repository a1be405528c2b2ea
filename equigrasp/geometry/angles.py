"""Grasp yaw angles and their rotation bins."""

import math


def wrap_to_pi(angle: float) -> float:
    """Return the equal grasp angle of a symmetric gripper in [0, pi)."""
    wrapped = angle % math.pi
    return 0.0 if wrapped >= math.pi else wrapped


def angle_distance(a: float, b: float) -> float:
    """Return the smallest difference between two symmetric grasp angles, in [0, pi/2]."""
    difference = wrap_to_pi(a - b)
    return min(difference, math.pi - difference)


def bin_to_angle(rotation_bin: int, num_rotations: int) -> float:
    """Return the yaw of a bin: `bin * pi / num_rotations`.

    Raises:
        ValueError: if the bin is not in [0, num_rotations).
    """
    if not 0 <= rotation_bin < num_rotations:
        raise ValueError(f"rotation_bin {rotation_bin} is not in [0, {num_rotations}).")
    return rotation_bin * math.pi / num_rotations


def angle_to_bin(theta: float, num_rotations: int) -> int:
    """Return the bin whose angle is nearest to `theta`."""
    return round(wrap_to_pi(theta) * num_rotations / math.pi) % num_rotations
