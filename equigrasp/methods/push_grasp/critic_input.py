"""What CriticNet sees of a grasp: crops about it, turned as one likes."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import grid_sample

from equigrasp.perception.grasp_picture import grasp_pictures


@dataclass(frozen=True, eq=False)
class GraspViews:
    """K grasps, each on a target in a scene.

    Args:
        heightmaps: Of the scene of each, shape (K, S, S) [m].
        labels: Of the scene of each, shape (K, S, S).
        targets: Label of the object aimed at, shape (K,).
        pixels: Rows and columns, shape (K, 2).
        theta: Yaws, shape (K,) [rad].
        width: Openings, shape (K,) [m].
        pixel_size: Side of a cell [m].
    """

    heightmaps: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    pixels: np.ndarray
    theta: np.ndarray
    width: np.ndarray
    pixel_size: float


def critic_input(
    views: GraspViews,
    crop_px: int,
    input_scale: float,
    turn: np.ndarray | None = None,
    is_mirrored: np.ndarray | None = None,
) -> torch.Tensor:
    """Return scaled heights, target, all objects and grasp picture about each grasp, (K, 4, C, C).

    Args:
        views: The grasps.
        crop_px: C.
        input_scale: Of heights [1/m].
        turn: By how much each crop shows the scene turned about the grasp, shape (K,) [rad]; None: 0.
        is_mirrored: Whether the turned crop is mirrored, columns reversed, shape (K,); None: not.
    """
    count, size = len(views.theta), views.heightmaps.shape[-1]
    angle = np.zeros(count) if turn is None else turn
    mirrored = np.zeros(count, bool) if is_mirrored is None else is_mirrored
    offsets = np.arange(crop_px) - (crop_px - 1) / 2.0
    sign = np.where(mirrored, -1.0, 1.0)[:, None, None]
    rows, cols = (
        np.broadcast_to(offsets[:, None], (crop_px, crop_px)),
        sign * offsets[None, None, :],
    )
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    # A cell of the crop shows what lies at its place turned back.
    source_rows = views.pixels[:, 0, None, None] + cos * rows + sin * cols
    source_cols = views.pixels[:, 1, None, None] - sin * rows + cos * cols
    grid = np.stack([source_cols, source_rows], -1) * (2.0 / (size - 1)) - 1.0
    where = torch.from_numpy(grid.astype(np.float32))
    target = views.labels == views.targets[:, None, None]
    maps = np.stack([views.heightmaps * input_scale, target, views.labels > 0], 1)
    crops = grid_sample(
        torch.from_numpy(maps.astype(np.float32)), where, "bilinear", "border", align_corners=True
    )
    theta = views.theta + angle
    theta = np.where(mirrored, -theta, theta) % math.pi
    pictures = grasp_pictures(theta, views.width, crop_px, views.pixel_size)
    return torch.cat([crops, torch.from_numpy(pictures)[:, None]], 1)
