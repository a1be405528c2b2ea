"""A RealSense driver, and the frame server that stands for its camera."""

import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import CameraConfig
from equigrasp.geometry.transform import Transform
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.perception.camera_model import CameraModel
from equigrasp.virtual.realsense.frame_server import FrameServer

WIDTH, HEIGHT, FOCAL = 64, 48, 60.0
MODEL = CameraModel(WIDTH, HEIGHT, FOCAL, FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
RATE = 50.0  # [Hz] at which the tests' cameras run


def require_librealsense() -> Any:
    """Return the library, or skip the test where it has no wheel."""
    if importlib.util.find_spec("pyrealsense2") is None:
        pytest.skip("pyrealsense2 is not installed: pip install -r requirements/hardware.txt")
    return import_realsense()


def camera_config(width: int = WIDTH, height: int = HEIGHT) -> CameraConfig:
    """Return a cell's camera above the table, with a focal length of 60 px."""
    fov = math.degrees(2.0 * math.atan(height / 2.0 / FOCAL))
    return CameraConfig(
        "overhead", width, height, fov, 0.5, 1.6, (0.45, 0.0, 1.3), (math.pi, 0.0, -math.pi / 2)
    )


class PaintedCamera(Camera):
    """Shows what it is given.

    Attributes:
        depth: Shape (H, W), float32 [m].
        color: Shape (H, W, 3), uint8.
    """

    def __init__(self, model: CameraModel = MODEL) -> None:
        self._model = model
        shape = (model.height_px, model.width_px)
        rng = np.random.default_rng(0)
        self.depth = rng.integers(300, 2000, shape).astype(np.float32) * np.float32(0.001)
        self.color = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)

    @property
    def model(self) -> CameraModel:
        return self._model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return camera_config().pose

    def connect(self) -> None:
        """Nothing to reach."""

    def disconnect(self) -> None:
        """Nothing to let go."""

    def capture(self) -> CameraFrame:
        return CameraFrame(time.time(), self.depth, self.color)


@dataclass
class Rig:
    """All that a test reaches for."""

    camera: RealSenseCamera
    server: FrameServer
    scene: PaintedCamera


MakeRig = Callable[..., Rig]


def wait_until(is_true: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
    """Poll until something holds; fail if it never does."""
    deadline = time.monotonic() + timeout
    while not is_true():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.005)
