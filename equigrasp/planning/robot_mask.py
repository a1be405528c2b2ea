"""Where in a camera's image the robot is."""

import cv2
import numpy as np
import pinocchio as pin

from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.robot_description import assemble
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.planning.kinematics import finger_joints
from equigrasp.planning.link_hull import hull_corners

_NEAREST = 0.05  # [m] of what reaches nearer to the camera's plane, or behind it, all is hidden
_MARGIN = 0.006  # [m] about each link: hulls are of collision shapes, and no calibration is exact
_WIDTH_STEP = 1e-3  # [m] openings nearer than this are the same


class RobotMask:
    """Convex hulls of the robot's links, fingers included, as a camera sees them.

    A point behind a link is hidden, one before it is not on the robot: what is left outside the mask is the
    scene, seen past the robot.

    Args:
        arm: Of the cell.
        gripper: Of the cell.
    """

    def __init__(self, arm: ArmConfig, gripper: GripperConfig) -> None:
        self._urdf, self._gripper = str(assemble(arm, gripper)), gripper
        self._model = pin.buildModelFromUrdf(self._urdf)
        self._geometry = pin.buildGeomFromUrdf(self._model, self._urdf, pin.GeometryType.COLLISION)
        self._data = self._model.createData()
        self._geometry_data = self._geometry.createData()
        self._joints = [self._index(name) for name in arm.joint_names]
        self._fingers: dict[int, dict[str, float]] = {}
        self._corners = [hull_corners(o.geometry) for o in self._geometry.geometryObjects]

    def pixels(
        self, positions: np.ndarray, width: float, model: CameraModel, t_base_camera: Transform
    ) -> np.ndarray:
        """Return which pixels show the robot or what it hides, shape (H, W) bool.

        Args:
            positions: Of the arm's joints, shape (n,) [rad].
            width: Opening of the fingers [m].
            model: Of the camera.
            t_base_camera: Pose of its optical frame in base.
        """
        self._place(positions, width)
        to_camera = t_base_camera.inverse()
        image = np.zeros((model.height_px, model.width_px), np.uint8)
        for corners, pose in zip(self._corners, self._geometry_data.oMg, strict=True):
            points = to_camera.apply(corners @ pose.rotation.T + pose.translation)
            if points[:, 2].max() < _NEAREST:  # behind the camera
                continue
            if points[:, 2].min() < _NEAREST:
                return np.ones(image.shape, bool)
            outline = cv2.convexHull(model.project(points).astype(np.float32))
            fill = np.rint(outline).astype(np.int32)
            cv2.fillConvexPoly(image, fill, [1])
            margin = 2 * int(np.ceil(_MARGIN * model.fx_px / points[:, 2].min()))
            cv2.polylines(image, [fill], isClosed=True, color=[1], thickness=margin + 1)
        return image.astype(bool)

    def _index(self, joint: str) -> int:
        return int(self._model.joints[self._model.getJointId(joint)].idx_q)

    def _place(self, positions: np.ndarray, width: float) -> None:
        step = round(width / _WIDTH_STEP)
        if step not in self._fingers:
            self._fingers[step] = finger_joints(self._urdf, self._gripper, step * _WIDTH_STEP)
        posture = pin.neutral(self._model)
        posture[self._joints] = positions
        for name, position in self._fingers[step].items():
            posture[self._index(name)] = position
        pin.updateGeometryPlacements(
            self._model, self._data, self._geometry, self._geometry_data, posture
        )
