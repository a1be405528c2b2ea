"""A depth image of the trays with the arm out of the way and less noise than one frame has."""

import numpy as np

from equigrasp.calibration.capture import capture_at_rest
from equigrasp.calibration.setup import CalibrationSetup
from equigrasp.errors import CalibrationError

_NUM_FRAMES = 9


def capture_depth(setup: CalibrationSetup) -> np.ndarray:
    """Return the median of several depth images, shape (H, W) [m]; 0: no measurement.

    Raises:
        CalibrationError: if the arm stands between the camera and a tray, or moves.
        DeviceError: if a device does not answer.
    """
    positions, frame = capture_at_rest(setup.cell)
    for workspace in setup.workspaces:
        if not setup.planner.is_in_view(workspace, positions):
            raise CalibrationError(
                f"The arm hides part of workspace '{workspace.name}' from the camera. Move it home."
            )
    frames = [frame.depth, *(setup.cell.camera.capture().depth for _ in range(_NUM_FRAMES - 1))]
    stack = np.stack(frames)
    stack = np.where(np.isfinite(stack) & (stack > 0.0), stack, np.nan)
    is_seen = np.isfinite(stack).sum(axis=0) > _NUM_FRAMES // 2
    median = np.zeros(is_seen.shape, np.float32)
    median[is_seen] = np.nanmedian(stack[:, is_seen], axis=0)
    return median
