"""The height of a top-down grasp, from the heights under the gripper."""

import math

import numpy as np
from scipy.ndimage import map_coordinates

from equigrasp.geometry.four_bar import STROKE, tip_rise

FINGER_THICKNESS = 0.012  # [m]
_ACROSS = np.arange(8) - 3.5  # [px] across the opening: 25 mm, a finger pad
_STRIP_LENGTH_PX = 32  # along the opening: 100 mm
_MIN_CLEARANCE = 0.010  # [m] lowest TCP above the floor


def grasp_height(
    heightmap: np.ndarray,
    row: int,
    col: int,
    theta: float,
    *,
    pixel_size: float,
    finger_depth: float,
    width: float,
    border_px: int,
    edge_depth: float,
    wall_depth: float,
) -> float:
    """Return the TCP height above the workspace floor [m] for a grasp.

    The fingers reach `finger_depth` below what lies between them, but no more than `edge_depth`
    below objects under the opened fingertips or `wall_depth` below a wall of the tray, and never
    into the floor (paper, appendix D; constants: asr page, section 6). "Top" is the mean of the
    3rd to 12th highest sample, which single wild pixels do not move.

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        row: Row of the grasp.
        col: Column of the grasp.
        theta: Yaw [rad]; at 0 the fingers open along rows.
        pixel_size: Side of a cell [m].
        finger_depth: How far the pads reach over an object's top [m].
        width: Opening of the fingers on the way down [m].
        border_px: Cells between the map's edge and the action square; what lies there is wall.
        edge_depth: How far fingertips may push into objects, measured at the TCP with the fingers
            all open [m]; the tips of a 2F-85 then stand 13.7 mm above it, with less opening lower.
        wall_depth: The same for walls, which do not give way [m].
    """
    inner, outer = width / 2.0 / pixel_size, (width / 2.0 + FINGER_THICKNESS) / pixel_size
    landing = np.arange(math.floor(inner), math.ceil(outer) + 1, dtype=float)
    objects = heightmap.copy()
    walls = heightmap.copy()
    inside = slice(border_px, heightmap.shape[0] - border_px)
    walls[inside, inside] = 0.0
    objects[:border_px] = objects[-border_px:] = 0.0
    objects[:, :border_px] = objects[:, -border_px:] = 0.0
    drop = tip_rise(STROKE) - tip_rise(width)
    lowest = [unhindered_height(heightmap, row, col, theta, finger_depth)]
    for side in (-1.0, 1.0):
        under = side * landing
        object_top = _top(sample_strip(objects, row, col, theta, under, _ACROSS))
        wall_top = float(sample_strip(walls, row, col, theta, under, _ACROSS).max())
        lowest += [object_top - edge_depth + drop, wall_top - wall_depth + drop]
    return max(lowest)


def unhindered_height(
    heightmap: np.ndarray, row: int, col: int, theta: float, finger_depth: float
) -> float:
    """Return the height of `grasp_height` as if nothing stood under the fingers [m]."""
    along = np.arange(_STRIP_LENGTH_PX) - (_STRIP_LENGTH_PX - 1) / 2.0
    between = _top(sample_strip(heightmap, row, col, theta, along, _ACROSS))
    return max(between - finger_depth, _MIN_CLEARANCE)


def sample_strip(
    heightmap: np.ndarray,
    row: int,
    col: int,
    theta: float,
    along: np.ndarray,
    across: np.ndarray,
) -> np.ndarray:
    """Return heights (U, V) [m] at `along` (U,) in the opening direction and `across` (V,) [px]."""
    u, v = np.meshgrid(along, across, indexing="ij")
    cos, sin = math.cos(theta), math.sin(theta)
    coordinates = np.stack([row + u * cos - v * sin, col + u * sin + v * cos])
    return np.asarray(map_coordinates(heightmap, coordinates, order=1, mode="nearest"))


def _top(samples: np.ndarray) -> float:
    return float(np.sort(samples, axis=None)[::-1][2:12].mean())
