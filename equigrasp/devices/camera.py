"""Contract of a depth camera fixed in the cell."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """One aligned pair of images.

    Args:
        stamp: Time of acquisition [s].
        depth: Range along the optical axis, shape (H, W), float32 [m]; 0 or NaN: no measurement.
        color: Shape (H, W, 3), uint8, RGB.
    """

    stamp: float
    depth: np.ndarray
    color: np.ndarray


class Camera(ABC):
    """A depth camera; `model` and `T_base_camera` are known before `connect()`."""

    @property
    @abstractmethod
    def model(self) -> CameraModel:
        """Pinhole intrinsics and image size."""

    @property
    @abstractmethod
    def T_base_camera(self) -> Transform:
        """Pose of the optical frame (z forward, x right, y down) in the base frame."""

    @property
    def serial(self) -> str:
        """Serial number of the device, known once it is connected; empty where it has none."""
        return ""

    @abstractmethod
    def connect(self) -> None:
        """Reach the device."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let go of the device; may be called twice."""

    @abstractmethod
    def capture(self) -> CameraFrame:
        """Return a frame taken after this call began.

        Raises:
            DeviceTimeoutError: if no frame comes within the device's bounded wait.
        """

    def __enter__(self) -> "Camera":
        self.connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.disconnect()
