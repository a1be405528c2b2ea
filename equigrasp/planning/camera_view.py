"""Whether the arm stands between the camera and a tray."""

import numpy as np
import pinocchio as pin
from scipy.spatial import ConvexHull

from equigrasp.devices.cell import CameraConfig
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.link_hull import hull_corners

_MARGIN = 0.02  # [m] about the workspace: objects at its rim stand up to 60 mm high
_BELOW_CAMERA = 0.05  # [m] a link nearer to the camera's height than this is taken to block it


class CameraView:
    """Shadows that the robot's links throw from the camera onto a workspace's floor.

    A heightmap taken while a shadow lies on the workspace has false heights; the tray behind a
    link is unseen and its walls are missing.
    """

    def __init__(self, kinematics: Kinematics, camera: CameraConfig) -> None:
        self._model = kinematics.model
        self._data = self._model.createData()
        self._geometry = kinematics.geometry
        self._geometry_data = self._geometry.createData()
        self._eye = np.asarray(camera.position)
        self._corners = [hull_corners(o.geometry) for o in self._geometry.geometryObjects]

    def is_free(self, positions: np.ndarray, workspace: Workspace) -> bool:
        """Tell whether all of a workspace is in view at joint positions (n,) [rad]."""
        pin.updateGeometryPlacements(
            self._model, self._data, self._geometry, self._geometry_data, positions
        )
        half = workspace.size / 2.0 + _MARGIN
        centre = np.array([workspace.center_x, workspace.center_y])
        square = centre + half * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        for corners, pose in zip(self._corners, self._geometry_data.oMg, strict=True):
            points = corners @ pose.rotation.T + pose.translation
            depth = self._eye[2] - points[:, 2]
            if depth.min() < _BELOW_CAMERA:
                return False
            rays = (points - self._eye)[:, :2] / depth[:, None]
            shadow = self._eye[:2] + rays * (self._eye[2] - workspace.floor_z)
            if _overlap(shadow, square):
                return False
        return True


def _overlap(shadow: np.ndarray, square: np.ndarray) -> bool:
    """Tell whether the hull of points (K, 2) and an upright square (4, 2) meet.

    Separating axes: two convex shapes are apart if a side of one has all of the other beyond it.
    """
    if (shadow.min(axis=0) > square.max(axis=0)).any():
        return False
    if (shadow.max(axis=0) < square.min(axis=0)).any():
        return False
    sides = ConvexHull(shadow).equations  # (S, 3): outward normal, offset
    beyond = square @ sides[:, :2].T + sides[:, 2] > 0.0  # (4, S)
    return not bool(beyond.all(axis=0).any())
