"""Whether a grasp took an object: three ways to tell, chosen by the cell's `success_detection`."""

from abc import ABC, abstractmethod

import cv2
import numpy as np

from equigrasp.devices.cell import OVERHEAD, CellConfig, RobotCell
from equigrasp.devices.gripper import GripperState
from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.registry import Registry

_DETECTORS = Registry(
    "success_detection",
    {
        "finger_width": "equigrasp.primitives.success:FingerWidth",
        "object_bits": "equigrasp.primitives.success:ObjectBits",
        "image_difference": "equigrasp.primitives.success:ImageDifference",
    },
)
_LEAST_CHANGE = 0.004  # [m] smaller changes of a cell are the camera's noise
_MEDIAN_PX = 3  # takes out single cells at the edges of objects, which flicker


def make_detector(cell: RobotCell) -> "SuccessDetector":
    """Return the detector that `success_detection` of a cell names.

    Raises:
        ConfigError: if it is unknown, or needs a camera where there is none.
    """
    return _detector_class(cell.config)(cell)


def needs_camera(config: CellConfig) -> bool:
    """Tell whether the detector of a cell looks at the tray; errors as `make_detector`."""
    return _detector_class(config).needs_view


def _detector_class(config: CellConfig) -> type["SuccessDetector"]:
    found: type[SuccessDetector] = _DETECTORS.find(config.success_detection)
    return found


class SuccessDetector(ABC):
    """Judges one attempt at a time.

    `begin` comes before the arm moves, `is_gripping` after the lift, `is_success` last, after what
    is gripped was let go over the place.
    """

    needs_view = False  # whether the whole tray must be in view of the camera when it is asked

    def __init__(self, cell: RobotCell) -> None:
        self._cell = cell

    def begin(self, workspace: Workspace) -> None:  # noqa: B027
        """Take note of how things are before the grasp."""

    @abstractmethod
    def is_gripping(self, fingers: GripperState) -> bool:
        """Tell from the fingers, closed and lifted, whether there is something to let go of."""

    def is_success(self, fingers: GripperState) -> bool:
        """Tell whether the attempt took an object.

        Args:
            fingers: As they were after the lift.

        Raises:
            DeviceError: if a device that it asks does not answer.
            PerceptionError: if its picture shows too little of the tray.
        """
        return self.is_gripping(fingers)


class FingerWidth(SuccessDetector):
    """Something keeps the closed fingers apart."""

    def is_gripping(self, fingers: GripperState) -> bool:
        return fingers.width > self._cell.gripper_config.held_width


class ObjectBits(SuccessDetector):
    """The gripper says that its fingers stalled (Robotiq: gOBJ; ros2_control: `stalled`)."""

    def is_gripping(self, fingers: GripperState) -> bool:
        return fingers.is_stalled


class ImageDifference(FingerWidth):
    """The tray has lost the volume of an object.

    The idea is QT-Opt's, which compares pictures of the bin (Kalashnikov et al. 2018). Volume under
    the heightmap, rather than any change of the picture, tells an object that is gone from one that
    was pushed aside or fell back into the tray. A pile that collapses loses volume as well:
    docs/success_detection.md says how often.
    """

    needs_view = True

    def __init__(self, cell: RobotCell) -> None:
        if OVERHEAD not in cell.cameras:
            raise ConfigError("success_detection 'image_difference' needs a camera.")
        super().__init__(cell)
        self._workspace: Workspace | None = None
        self._before = np.zeros((0, 0), np.float32)
        self.lost_volume = 0.0  # [m³] of the last attempt that was judged

    def begin(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._before = self._look(workspace)

    def is_success(self, fingers: GripperState) -> bool:
        if self._workspace is None:
            raise PerceptionError("There is no picture from before the grasp to compare with.")
        workspace, self._workspace = self._workspace, None  # a picture serves one attempt
        self.lost_volume = lost_volume(self._before, self._look(workspace), workspace.pixel_size)
        return self.lost_volume > self._cell.config.min_object_volume

    def _look(self, workspace: Workspace) -> np.ndarray:
        camera = self._cell.camera
        frame = camera.capture()
        return heightmap_from_depth(frame.depth, camera.model, camera.T_base_camera, workspace)


def lost_volume(before: np.ndarray, after: np.ndarray, pixel_size: float) -> float:
    """Return by how much the volume under a heightmap shrank [m³]; negative where it grew.

    Args:
        before: Heights, shape (S, S), float32 [m].
        after: The same later.
        pixel_size: Side of a cell [m].
    """
    change = cv2.medianBlur(before, _MEDIAN_PX) - cv2.medianBlur(after, _MEDIAN_PX)
    change[np.abs(change) < _LEAST_CHANGE] = 0.0
    return float(change.sum(dtype=np.float64)) * pixel_size**2
