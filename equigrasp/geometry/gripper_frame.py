"""The planar frame of a gripper that points down: where it is, turned with it, z up.

x is the direction in which the fingers open at the TCP's yaw, y a quarter turn counter-clockwise from it, as
seen from above. Motions are (dx, dy, dz, dpsi) [m, m, m, rad], arrays of shape (..., 4); dz and dpsi are the
same in this frame and in base.
"""

import math

import numpy as np


def to_gripper_frame(motion: np.ndarray, yaw: float) -> np.ndarray:
    """Return motions (..., 4) of the base frame in the frame of a gripper at a yaw [rad]."""
    return to_base_frame(motion, -yaw)


def to_base_frame(motion: np.ndarray, yaw: float) -> np.ndarray:
    """Return motions (..., 4) of the frame of a gripper at a yaw [rad] in the base frame."""
    turned = np.array(motion, dtype=np.float64)
    cos, sin = math.cos(yaw), math.sin(yaw)
    turned[..., 0] = motion[..., 0] * cos - motion[..., 1] * sin
    turned[..., 1] = motion[..., 0] * sin + motion[..., 1] * cos
    return turned
