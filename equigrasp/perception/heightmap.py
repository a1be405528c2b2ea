"""Project depth images to top-down heightmaps."""

import cv2
import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel

_MIN_COVERAGE = 0.5  # share of the cells that must be seen, holes filled or not
_MAX_FILL_ITERATIONS = 12  # a hole wider than twice this many cells stays at floor height


def heightmap_from_depth(
    depth: np.ndarray, model: CameraModel, t_base_camera: Transform, workspace: Workspace
) -> np.ndarray:
    """Look at a workspace from straight above.

    Args:
        depth: Range along the optical axis, shape (H, W) [m]; 0 or NaN: no measurement.
        model: Intrinsics of the depth image.
        t_base_camera: Pose of the optical frame in base.
        workspace: What to cover.

    Returns:
        Height above the workspace floor, shape (S, S), float32 [m]; row grows with base +x,
        column with base +y. Cells that no ray met take their neighbours' height.

    Raises:
        PerceptionError: if fewer than half of the cells are seen: the camera is covered, blind,
            or looks elsewhere.
    """
    points = t_base_camera.apply(model.deproject(depth))
    cells, heights, _ = project_to_cells(points, workspace)
    heightmap = largest_of_cells(cells, heights.astype(np.float32), workspace)
    coverage = float((heightmap >= 0.0).mean())
    if coverage < _MIN_COVERAGE:
        raise PerceptionError(
            f"Only {coverage:.0%} of workspace '{workspace.name}' is seen; at least "
            f"{_MIN_COVERAGE:.0%} are needed. Is the view blocked, or the camera pose wrong?"
        )
    return fill_holes(heightmap)


def project_to_cells(
    points: np.ndarray, workspace: Workspace
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look at points from straight above.

    Args:
        points: In base, shape (N, 3) [m].
        workspace: What they are looked at in.

    Returns:
        Of the points in the workspace cells, counted row by row, and heights above the floor [m]; and
        which points these are, shape (N,) bool.
    """
    size = workspace.heightmap_size_px
    rows, cols = workspace.xy_to_grid(points[:, 0], points[:, 1])
    is_inside = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
    is_inside &= points[:, 2] <= workspace.ceiling_z
    heights = np.clip(points[is_inside, 2] - workspace.floor_z, 0.0, None)
    return rows[is_inside] * size + cols[is_inside], heights, is_inside


def largest_of_cells(cells: np.ndarray, values: np.ndarray, workspace: Workspace) -> np.ndarray:
    """Return the largest value in each cell, shape (S, S), of the values' type; -1 where there is none."""
    size = workspace.heightmap_size_px
    flat = np.full(size * size, -1.0, dtype=values.dtype)
    np.maximum.at(flat, cells, values)
    return flat.reshape(size, size)


def fill_holes(heightmap: np.ndarray) -> np.ndarray:
    """Give each unseen cell (negative) the highest of its seen neighbours, rim by rim."""
    kernel = np.ones((3, 3), np.uint8)
    filled = heightmap
    for _ in range(_MAX_FILL_ITERATIONS):
        is_hole = filled < 0.0
        if not is_hole.any():
            return filled
        filled = np.where(is_hole, cv2.dilate(filled, kernel), filled)
    return np.maximum(filled, 0.0)
