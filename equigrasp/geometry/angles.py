"""Grasp yaws and their rotation bins in half a turn; push directions and their bins in a whole one."""

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


def bin_to_direction(direction_bin: int, num_directions: int) -> float:
    """Return the direction of a bin: `bin * 2 pi / num_directions`.

    Raises:
        ValueError: if the bin is not in [0, num_directions).
    """
    if not 0 <= direction_bin < num_directions:
        raise ValueError(f"direction_bin {direction_bin} is not in [0, {num_directions}).")
    return direction_bin * 2.0 * math.pi / num_directions


def direction_to_bin(direction: float, num_directions: int) -> int:
    """Return the bin whose direction is nearest to `direction` [rad]."""
    return round(direction * num_directions / (2.0 * math.pi)) % num_directions
