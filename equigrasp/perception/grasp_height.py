"""The height of top-down grasps, from the heights under the gripper."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import map_coordinates

from equigrasp.geometry.four_bar import STROKE, tip_rise
from equigrasp.geometry.workspace import Workspace

FINGER_THICKNESS = 0.012  # [m]
_ACROSS = np.arange(8) - 3.5  # [px] across the opening: 25 mm, a finger pad
_STRIP_LENGTH_PX = 32  # along the opening: 100 mm
_MIN_CLEARANCE = 0.010  # [m] lowest TCP above the floor


@dataclass(frozen=True)
class HandGeometry:
    """How deep the fingers go.

    Args:
        finger_depth: How far the pads reach over an object's top [m].
        edge_depth: How far fingertips may push into objects, measured at the TCP with the fingers
            all open [m]; the tips of a 2F-85 then stand 13.7 mm above it, with less opening lower.
        wall_depth: The same for walls, which do not give way [m].
    """

    finger_depth: float
    edge_depth: float
    wall_depth: float


def grasp_height(
    heightmap: np.ndarray,
    row: ArrayLike,
    col: ArrayLike,
    theta: ArrayLike,
    width: ArrayLike,
    hand: HandGeometry,
    workspace: Workspace,
) -> np.ndarray:
    """Return the TCP heights above the workspace floor [m] for grasps, shape (...,).

    The fingers reach below what lies between them, but not far below objects under the opened
    fingertips or a wall of the tray, and never into the floor (paper, appendix D). "Top" is the mean of the
    3rd to 12th highest sample, which single wild pixels do not move.

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        row: Rows of the grasps, shape (...,), () for one.
        col: Columns, shape (...,).
        theta: Yaws, shape (...,) [rad]; at 0 the fingers open along rows.
        width: Openings of the fingers on the way down, shape (...,) or () [m].
        hand: How deep the fingers go.
        workspace: Of the heightmap; what lies in its border is wall.
    """
    pixel_size, border_px = workspace.pixel_size, workspace.border_px
    half = np.asarray(width)[..., None] / 2.0
    inner = np.floor(half / pixel_size)
    outer = np.ceil((half + FINGER_THICKNESS) / pixel_size)
    landing = np.arange(inner.min(), outer.max() + 1.0)
    is_under = ((landing >= inner) & (landing <= outer))[..., None]
    inside = slice(border_px, heightmap.shape[0] - border_px)
    walls = heightmap.copy()
    walls[inside, inside] = 0.0
    objects = heightmap - walls
    object_tops, wall_tops = [], []
    for side in (-landing, landing):  # one finger, the other
        heights = sample_strip(objects, row, col, theta, side, _ACROSS)
        object_tops.append(_top(np.where(is_under, heights, -np.inf)))
        heights = sample_strip(walls, row, col, theta, side, _ACROSS)
        highest = np.where(is_under, heights, -np.inf).max(axis=(-2, -1))
        wall_tops.append(highest.astype(np.float64))
    drop = tip_rise(STROKE) - np.vectorize(tip_rise)(width)
    lowest = unhindered_height(heightmap, row, col, theta, hand.finger_depth)
    lowest = np.maximum(lowest, np.maximum(*object_tops) - hand.edge_depth + drop)
    return np.asarray(np.maximum(lowest, np.maximum(*wall_tops) - hand.wall_depth + drop))


def unhindered_height(
    heightmap: np.ndarray, row: ArrayLike, col: ArrayLike, theta: ArrayLike, finger_depth: float
) -> np.ndarray:
    """Return the heights of `grasp_height` as if nothing stood under the fingers, shape (...,) [m]."""
    along = np.arange(_STRIP_LENGTH_PX) - (_STRIP_LENGTH_PX - 1) / 2.0
    between = _top(sample_strip(heightmap, row, col, theta, along, _ACROSS))
    return np.asarray(np.maximum(between - finger_depth, _MIN_CLEARANCE))


def sample_strip(
    heightmap: np.ndarray,
    row: ArrayLike,
    col: ArrayLike,
    theta: ArrayLike,
    along: np.ndarray,
    across: np.ndarray,
) -> np.ndarray:
    """Return heights (..., U, V) [m] at `along` (U,) in the opening direction and `across` (V,) [px].

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        row: Rows of the grasps, shape (...,).
        col: Columns, shape (...,).
        theta: Yaws, shape (...,) or () [rad]; at 0 the fingers open along rows.
        along: Offsets [px].
        across: Offsets [px].
    """
    row, col, theta = (np.asarray(value)[..., None, None] for value in (row, col, theta))
    u, v = along[:, None], across
    cos, sin = np.cos(theta), np.sin(theta)
    coordinates = np.stack([row + u * cos - v * sin, col + u * sin + v * cos])
    return np.asarray(map_coordinates(heightmap, coordinates, order=1, mode="nearest"))


def sort_samples(samples: np.ndarray) -> np.ndarray:
    """Return samples (..., U, V) by height, lowest first, shape (..., U V)."""
    return np.sort(samples.reshape(*samples.shape[:-2], -1), axis=-1)


def _top(samples: np.ndarray) -> np.ndarray:
    """Return tops in double precision: heights of grasps are not rounded as heightmaps are."""
    return np.asarray(sort_samples(samples)[..., -12:-2].mean(axis=-1), dtype=np.float64)
