"""Pair where the arm stands with what the camera sees there."""

import numpy as np

from equigrasp.calibration.detection import BoardDetector
from equigrasp.calibration.hand_eye_refinement import Sample
from equigrasp.devices.camera import CameraFrame
from equigrasp.devices.cell import RobotCell
from equigrasp.errors import CalibrationError
from equigrasp.planning.motion_planner import MotionPlanner

_AT_REST = 0.01  # [rad/s]
_SAME = 5e-4  # [rad] between before and after the picture: 0.4 mm at 0.8 m
_SETTLE_TIME = 0.3  # [s] for vibrations to die out
_REST_TIMEOUT = 2.0  # [s]


def capture_at_rest(cell: RobotCell) -> tuple[np.ndarray, CameraFrame]:
    """Return joint positions (n,) [rad] and a frame that was taken at them.

    Raises:
        CalibrationError: if the arm moves before or while the picture is taken.
        DeviceError: if the arm or the camera does not answer.
    """
    deadline = cell.clock.now() + _REST_TIMEOUT
    while not np.abs(cell.arm.joint_state().velocities).max() <= _AT_REST:  # NaN is no rest
        if cell.clock.now() > deadline:
            raise CalibrationError("The arm does not come to rest; hold it still for a picture.")
        cell.clock.pause()
    settled = cell.clock.now() + _SETTLE_TIME
    while cell.clock.now() < settled:
        cell.clock.pause()
    before = cell.arm.joint_state()
    frame = cell.camera.capture()
    cell.clock.pause()
    after = cell.arm.joint_state()
    moved = float(np.abs(after.positions - before.positions).max())
    if not np.isfinite(before.positions).all() or not np.isfinite(moved):
        raise CalibrationError(f"Joint positions are not finite: {before.positions}.")
    if moved > _SAME:
        raise CalibrationError(
            f"A joint moved by {np.rad2deg(moved):.2f} deg while the picture was taken; "
            f"at most {np.rad2deg(_SAME):.2f} deg are allowed."
        )
    return (before.positions + after.positions) / 2.0, frame


def capture_sample(
    name: str, cell: RobotCell, planner: MotionPlanner, detector: BoardDetector
) -> tuple[Sample, CameraFrame]:
    """Return a named pose of the TCP with the board's corners, and the picture.

    Raises:
        CalibrationError: if the arm moves.
        DeviceError: if a device does not answer.
        PerceptionError: if the board is not seen.
    """
    positions, frame = capture_at_rest(cell)
    view = detector.detect(frame.color)
    return Sample(name, planner.forward_kinematics(positions), view), frame
