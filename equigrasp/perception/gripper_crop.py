"""What lies about the gripper, in the gripper's own frame."""

import math

import numpy as np
from scipy.ndimage import map_coordinates

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace

_YAW_DIGITS = 9  # to which a yaw counts: what a half turn adds in rounding does not


def crop_about_gripper(
    heightmap: np.ndarray,
    workspace: Workspace,
    position: tuple[float, float],
    yaw: float,
    *,
    size_px: int,
    pixel_size: float,
) -> np.ndarray:
    """Return the heights about a TCP, turned with it.

    Rows grow with the gripper's x, the direction in which the fingers open, columns with its y, a quarter
    turn counter-clockwise from it (see `gripper_frame`). The TCP is the middle of the crop. Between cells
    heights are interpolated (bilinear); beyond the map its rim goes on. The crop at a yaw half a turn
    farther is the same crop with both axes turned round, bit for bit.

    Args:
        heightmap: Heights, shape (S, S) [m].
        workspace: That it shows.
        position: Of the TCP in base, x, y [m].
        yaw: Of the TCP about base +z [rad]; 0: the crop has the axes of the base frame.
        size_px: Cells a side of the crop, C.
        pixel_size: Side of a cell of the crop [m].

    Returns:
        Shape (C, C), float32 [m].

    Raises:
        PerceptionError: if position or yaw are not finite, or the map does not fit the workspace.
    """
    rows, cols = _grid(workspace, position, yaw, size_px, pixel_size)
    _check_shape(heightmap, workspace)
    crop = map_coordinates(
        np.asarray(heightmap, dtype=np.float64), [rows, cols], order=1, mode="nearest"
    )
    return np.asarray(crop, dtype=np.float32)


def nearest_about_gripper(
    values: np.ndarray,
    workspace: Workspace,
    position: tuple[float, float],
    yaw: float,
    *,
    size_px: int,
    pixel_size: float,
) -> np.ndarray:
    """Return values of the cells that are nearest, shape (C, C): for what cannot be mixed, such as ages.

    Arguments and errors as those of `crop_about_gripper`; beyond the map is its rim.
    """
    rows, cols = _grid(workspace, position, yaw, size_px, pixel_size)
    _check_shape(values, workspace)
    last = workspace.heightmap_size_px - 1
    near = (np.clip(np.rint(grid), 0, last).astype(np.int64) for grid in (rows, cols))
    return np.asarray(values[tuple(near)])


def _grid(
    workspace: Workspace,
    position: tuple[float, float],
    yaw: float,
    size_px: int,
    pixel_size: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return fractional rows and columns of a heightmap at the cells of a crop, shape (C, C) each."""
    if not all(math.isfinite(v) for v in (*position, yaw)):
        raise PerceptionError(
            f"A crop needs a finite TCP position and yaw, found {position}, {yaw}."
        )
    # Half turns only change signs, which no rounding touches.
    half_turns = math.floor(round(yaw / math.pi, _YAW_DIGITS))
    rest = round(yaw - half_turns * math.pi, _YAW_DIGITS)
    sign = -1.0 if half_turns % 2 else 1.0
    cos, sin = sign * math.cos(rest), sign * math.sin(rest)
    along = (np.arange(size_px) - (size_px - 1) / 2.0) * (pixel_size / workspace.pixel_size)
    u, v = along[:, None], along[None, :]
    half = (workspace.heightmap_size_px - 1) / 2.0
    row = (position[0] - workspace.center_x) / workspace.pixel_size + half
    col = (position[1] - workspace.center_y) / workspace.pixel_size + half
    return row + (u * cos - v * sin), col + (u * sin + v * cos)


def _check_shape(array: np.ndarray, workspace: Workspace) -> None:
    wanted = (workspace.heightmap_size_px, workspace.heightmap_size_px)
    if array.shape != wanted:
        raise PerceptionError(
            f"A map of shape {array.shape} does not fit workspace '{workspace.name}', "
            f"which needs {wanted}."
        )
