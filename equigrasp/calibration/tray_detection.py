"""See where an empty tray is: the lines along which its walls rise from the floor."""

import dataclasses

import numpy as np

from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.heightmap import heightmap_from_depth

_LEVEL = 0.015  # [m] above the floor, at which a wall is taken to be met
_LOOK_AROUND = 0.10  # [m] beyond the workspace's action square on every side
_BAND = 0.3  # half width of the band of rows that is looked along, as a share of the square
_MIN_ROWS = 0.7  # share of the rows that must meet a wall
_MAX_SCATTER = 0.004  # [m] from a straight line: something stands at the wall


def find_tray(
    depth: np.ndarray, model: CameraModel, t_base_camera: Transform, workspace: Workspace
) -> np.ndarray:
    """Return the corners of a square `_LEVEL` above the floor of an empty tray.

    Args:
        depth: Range along the optical axis, shape (H, W) [m].
        model: Intrinsics.
        t_base_camera: Pose of the optical frame.
        workspace: Roughly where the tray is.

    Returns:
        Shape (4, 3), in base [m]; z is the floor's. Where walls are sloped the square is larger
        than the floor, equally on all sides.

    Raises:
        CalibrationError: if a wall is not seen, or is not straight.
        PerceptionError: if too little of the tray is seen.
    """
    around = _wider(workspace)
    heights = heightmap_from_depth(depth, model, t_base_camera, around)
    middle = heights.shape[0] // 2
    inner = int(_BAND * workspace.action_size_px)
    floor = float(
        np.median(heights[middle - inner : middle + inner, middle - inner : middle + inner])
    )
    heights = heights - floor
    # Walls towards -y and +y: along each row; towards -x and +x: along each column.
    lines = [
        _wall(turned, sign, inner, f"workspace '{workspace.name}' towards {way}{axis}", around)
        for axis, turned in (("y", heights), ("x", heights.T))
        for sign, way in ((-1, "-"), (1, "+"))
    ]
    low_y, high_y, low_x, high_x = lines
    corners = [_cross(x, y) for x in (low_x, high_x) for y in (low_y, high_y)]
    origin = around.pixel_to_xy(middle, middle)
    xy = np.array(corners) * around.pixel_size + origin
    return np.column_stack([xy, np.full(4, floor + around.floor_z)])


def _wider(workspace: Workspace) -> Workspace:
    """Return a map with room about the tray and below its floor."""
    size = workspace.action_size_px + 2 * round(_LOOK_AROUND / workspace.pixel_size)
    return dataclasses.replace(
        workspace, heightmap_size_px=size, action_size_px=size, floor_z=workspace.floor_z - 0.05
    )


def _wall(heights: np.ndarray, sign: int, inner: int, which: str, around: Workspace) -> np.ndarray:
    """Return offset and slope of col = offset + slope * row along a wall, from the map's middle [px]."""
    middle = heights.shape[0] // 2
    rows, cols = [], []
    for row in range(middle - inner, middle + inner):
        found = _first_rise(heights[row, middle::sign])
        if found is not None:
            rows.append(row - middle)
            cols.append(sign * found)
    if len(rows) < _MIN_ROWS * 2 * inner:
        raise CalibrationError(
            f"The wall of {which} is not seen: it rises in "
            f"{len(rows)} of {2 * inner} rows. Is the tray there, empty and in view?"
        )
    design = np.column_stack([np.ones(len(rows)), rows])
    values, weights = np.array(cols), np.ones(len(rows))
    for _ in range(10):  # least absolute deviations, reweighted
        line = np.linalg.lstsq(design * weights[:, None], values * weights, rcond=None)[0]
        residuals = np.abs(values - design @ line)
        weights = 1.0 / np.sqrt(np.maximum(residuals, 0.05))
    scatter = float(np.median(residuals)) * around.pixel_size
    if scatter > _MAX_SCATTER:
        raise CalibrationError(
            f"The wall of {which} is not straight ({1000 * scatter:.1f} mm off, at most "
            f"{1000 * _MAX_SCATTER:.0f}): is the tray empty?"
        )
    return np.asarray(line)


def _first_rise(profile: np.ndarray) -> float | None:
    """Return where heights first pass `_LEVEL`, between cells, counted from the profile's start."""
    above = np.nonzero(profile > _LEVEL)[0]
    if not len(above) or above[0] == 0:
        return None
    i = int(above[0])
    return i - 1 + float((_LEVEL - profile[i - 1]) / (profile[i] - profile[i - 1]))


def _cross(x_wall: np.ndarray, y_wall: np.ndarray) -> np.ndarray:
    """Return (row, col), from the map's middle, where two walls meet.

    row = a + b col along a wall towards x, col = c + d row along a wall towards y.
    """
    (a, b), (c, d) = x_wall, y_wall
    return np.linalg.solve(np.array([[1.0, -b], [-d, 1.0]]), np.array([a, c]))
