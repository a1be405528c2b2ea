"""A picture counts only if the arm stands still."""

import numpy as np
import pytest

from equigrasp.calibration.capture import capture_at_rest
from equigrasp.config import load_config
from equigrasp.devices.camera import CameraFrame
from equigrasp.devices.cell import OVERHEAD, ArmConfig, CellConfig, GripperConfig, RobotCell
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper, ManualClock
from equigrasp.devices.motion import JointState
from equigrasp.errors import CalibrationError


class DriftingArm(FakeArm):
    """Reports joints that move at a speed that it keeps to itself."""

    drift = 0.0  # [rad/s]
    reported_velocity = 0.0  # [rad/s]

    def joint_state(self) -> JointState:
        state = super().joint_state()
        return JointState(
            state.stamp,
            state.positions + self.drift * state.stamp,
            state.velocities + self.reported_velocity,
            state.efforts,
        )


@pytest.fixture
def cell(arm_config: ArmConfig, gripper_config: GripperConfig) -> RobotCell:
    clock = ManualClock()
    arm = DriftingArm(arm_config, clock)
    camera = FakeCamera(clock)
    arm.connect()
    camera.connect()
    config = load_config(CellConfig, "cells", "ur5")
    gripper = FakeGripper(gripper_config, clock)
    return RobotCell(config, arm_config, gripper_config, arm, gripper, {OVERHEAD: camera}, clock)


def test_an_arm_at_rest_gives_its_joints_and_the_frame(cell: RobotCell) -> None:
    positions, frame = capture_at_rest(cell)
    assert np.allclose(positions, cell.arm.joint_state().positions)
    assert isinstance(frame, CameraFrame)


def test_an_arm_that_creeps_is_refused(cell: RobotCell) -> None:
    cell.arm.drift = 0.5  # type: ignore[attr-defined]
    with pytest.raises(CalibrationError, match="moved by .* deg while the picture was taken"):
        capture_at_rest(cell)


def test_an_arm_that_moves_is_waited_for_in_bounded_time(cell: RobotCell) -> None:
    cell.arm.reported_velocity = 0.2  # type: ignore[attr-defined]
    began = cell.clock.now()
    with pytest.raises(CalibrationError, match="does not come to rest"):
        capture_at_rest(cell)
    assert cell.clock.now() - began < 3.0


def test_joints_that_are_not_finite_are_refused(cell: RobotCell) -> None:
    cell.arm.drift = float("nan")  # type: ignore[attr-defined]
    with pytest.raises(CalibrationError, match="not finite"):
        capture_at_rest(cell)
