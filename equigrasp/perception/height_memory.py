"""The newest believable height of each cell of a workspace, and how old it is.

An overhead camera sees nothing below the hand. What it saw before the hand came is kept, and overwritten
where a camera sees past the robot.
"""

import cv2
import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.heightmap import largest_of_cells, project_to_cells

_LEAST_MEASURED = 0.1  # share of an image's pixels; with fewer the camera is covered or blind


def visible_heights(
    depth: np.ndarray,
    model: CameraModel,
    t_base_camera: Transform,
    workspace: Workspace,
    robot: np.ndarray,
) -> np.ndarray:
    """Return what a camera sees of a workspace past the robot.

    Args:
        depth: Range along the optical axis, shape (H, W) [m]; 0 or NaN: no measurement.
        model: Intrinsics of the depth image.
        t_base_camera: Pose of the optical frame in base.
        workspace: What to look at.
        robot: True where the robot is seen, shape (H, W).

    Returns:
        Heights above the floor, shape (S, S), float32 [m]; negative where nothing is seen.

    Raises:
        PerceptionError: if hardly a pixel is measured: the camera is covered, or blind.
    """
    is_measured = np.isfinite(depth) & (depth > 0.0)
    if is_measured.mean() < _LEAST_MEASURED:
        raise PerceptionError(
            f"Only {is_measured.mean():.0%} of the depth image hold a measurement; at least "
            f"{_LEAST_MEASURED:.0%} are needed. Is the camera covered?"
        )
    points = t_base_camera.apply(model.deproject(np.where(robot, 0.0, depth)))
    cells, heights, _ = project_to_cells(points, workspace)
    return _gaps_closed(largest_of_cells(cells, heights.astype(np.float32), workspace))


def _gaps_closed(heights: np.ndarray) -> np.ndarray:
    """Give unseen cells between seen ones the highest neighbour: pixels may be wider apart than cells."""
    kernel = np.ones((3, 3), np.uint8)
    is_seen = (heights >= 0.0).astype(np.uint8)
    is_gap = (cv2.morphologyEx(is_seen, cv2.MORPH_CLOSE, kernel) > 0) & (is_seen == 0)
    return np.where(is_gap, cv2.dilate(heights, kernel), heights).astype(np.float32)


class HeightMemory:
    """Heights of one workspace in the course of an episode.

    Args:
        workspace: What it shows.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        side = workspace.heightmap_size_px
        self._heights = np.zeros((side, side), np.float32)
        self._stamps = np.full((side, side), -np.inf)

    @property
    def heights(self) -> np.ndarray:
        """Above the workspace floor, shape (S, S), float32 [m]; 0 where nothing was seen yet."""
        return self._heights.copy()

    def ages(self, now: float) -> np.ndarray:
        """Return how long ago each cell was seen, shape (S, S) [s]; inf: never."""
        return np.maximum(0.0, now - self._stamps)

    def begin(self, heightmap: np.ndarray, stamp: float) -> None:
        """Forget everything, and take over a map of the whole workspace.

        Args:
            heightmap: From before the arm came in, shape (S, S) [m].
            stamp: When it was seen [s].

        Raises:
            PerceptionError: if it does not fit the workspace, or holds values that are not finite.
        """
        self._check(heightmap)
        self._heights = heightmap.astype(np.float32)
        self._stamps = np.full(heightmap.shape, float(stamp))

    def update(self, heights: np.ndarray, stamp: float) -> None:
        """Take over what was seen since.

        Args:
            heights: Shape (S, S) [m]; negative where nothing is seen (`visible_heights`).
            stamp: When it was seen [s].

        Raises:
            PerceptionError: as `begin`; nothing is changed.
        """
        self._check(heights)
        is_seen = heights >= 0.0
        self._heights = np.where(is_seen, heights, self._heights).astype(np.float32)
        self._stamps = np.where(is_seen, float(stamp), self._stamps)

    def _check(self, heights: np.ndarray) -> None:
        if heights.shape != self._heights.shape:
            raise PerceptionError(
                f"Heights of shape {heights.shape} do not fit workspace '{self.workspace.name}', "
                f"which needs {self._heights.shape}."
            )
        if not np.isfinite(heights).all():
            count = int((~np.isfinite(heights)).sum())
            raise PerceptionError(f"Heights hold {count} values that are not finite.")
