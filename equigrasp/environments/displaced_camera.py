"""Cameras that stand elsewhere than everybody believes, as after a knock."""

import math
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import RobotCell
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel

DISTANCE, ANGLE = 0.015, math.radians(1.0)  # [m], [rad]


class DisplacedCamera(Camera):
    """Sees what a camera sees, and says that it stands elsewhere.

    Args:
        camera: Sees.
        believed: Where its optical frame is said to be in base.
    """

    def __init__(self, camera: Camera, believed: Transform) -> None:
        self._camera, self._believed = camera, believed

    @property
    def model(self) -> CameraModel:
        return self._camera.model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return self._believed

    def connect(self) -> None:
        self._camera.connect()

    def disconnect(self) -> None:
        self._camera.disconnect()

    def capture(self) -> CameraFrame:
        return self._camera.capture()


def with_displaced_cameras(
    cell: RobotCell,
    rng: np.random.Generator,
    distance: float = DISTANCE,
    angle: float = ANGLE,
) -> RobotCell:
    """Return a cell each of whose cameras is off by a distance [m] and an angle [rad], each its own way."""
    cameras = {}
    for name, camera in cell.cameras.items():
        true = camera.T_base_camera
        turn = Rotation.from_rotvec(angle * _unit(rng))
        position = true.position + distance * _unit(rng)
        believed = Transform(position, (turn * true.rotation).as_quat())
        cameras[name] = DisplacedCamera(camera, believed)
    return replace(cell, cameras=cameras)


def _unit(rng: np.random.Generator) -> np.ndarray:
    direction = rng.normal(size=3)
    return np.asarray(direction / np.linalg.norm(direction))
