"""How far the fingers of top-down grasps open, from the heights about it."""

import numpy as np
from numpy.typing import ArrayLike

from equigrasp.geometry.four_bar import tip_rise
from equigrasp.perception.grasp_height import (
    FINGER_THICKNESS,
    sample_strip,
    sort_samples,
    unhindered_height,
)

_STEP = 0.005  # [m] between openings
_INNER_SLACK, _OUTER_SLACK = 0.005, 0.003  # [m] about a finger that comes down
_HALF_ACROSS_PX = 5  # half a finger pad, and a pixel of slack
_CLEARANCE = 0.004  # [m] of the tips over what they would touch
_NOTICEABLE = 0.002  # [m] by which a smaller opening must let the fingers go deeper
_NUM_STRAY = 3  # highest samples left out: single wild pixels


def grasp_width(
    heightmap: np.ndarray,
    row: ArrayLike,
    col: ArrayLike,
    theta: ArrayLike,
    *,
    pixel_size: float,
    finger_depth: float,
    min_width: float,
    max_width: float,
) -> np.ndarray:
    """Return the widest openings with which the fingertips come down beside everything, (...,) [m].

    Where none is clear, it is the one with which they get deepest. A neighbour or a
    wall under an opened finger is what often spoils a good policy's grasps (docs/methods/asr_experiments.md).

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        row: Rows of the grasps, shape (...,), () for one.
        col: Columns, shape (...,).
        theta: Yaws, shape (...,) [rad]; at 0 the fingers open along rows.
        pixel_size: Side of a cell [m].
        finger_depth: How far the pads reach over an object's top [m].
        min_width: Smallest opening [m].
        max_width: Largest opening [m].
    """
    height = unhindered_height(heightmap, row, col, theta, finger_depth)
    reach = max_width / 2.0 + FINGER_THICKNESS + _OUTER_SLACK
    along = np.arange(0.0, reach / pixel_size, 0.5)
    across = np.arange(-_HALF_ACROSS_PX, _HALF_ACROSS_PX + 1)
    sides = [sample_strip(heightmap, row, col, theta, s * along, across) for s in (-1.0, 1.0)]
    best_width, best_height = np.full(height.shape, max_width), np.full(height.shape, np.inf)
    for width in np.append(np.arange(max_width, min_width, -_STEP), min_width):
        first = (width / 2.0 - _INNER_SLACK) / pixel_size
        last = (width / 2.0 + FINGER_THICKNESS + _OUTER_SLACK) / pixel_size
        is_under = (along >= first) & (along <= last)
        highest = (sort_samples(s[..., is_under, :])[..., -1 - _NUM_STRAY] for s in sides)
        top = np.maximum(*highest)
        lowest = np.maximum(height, top + _CLEARANCE - tip_rise(width))
        is_better = lowest < best_height - _NOTICEABLE
        best_width = np.where(is_better, width, best_width)
        best_height = np.where(is_better, lowest, best_height)
        if (best_height <= height + _NOTICEABLE).all():  # no smaller one is better
            break
    return best_width
