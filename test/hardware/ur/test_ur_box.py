"""The process that servos a UR holds the cell's box, whoever checked what it follows."""

import numpy as np
import pytest
from virtual_ur5 import NEEDS_UR_RTDE, virtual_ur5

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.motion import JointTrajectory, MotionState
from equigrasp.errors import CommandRejectedError
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.planning.trajectory_check import TrajectoryCheck

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = pytest.mark.real_time


def test_the_servo_process_holds_the_box_by_itself() -> None:
    """A trajectory that nobody checked, from outside inwards and then out again."""
    cell = load_config(CellConfig, "cells", "ur5")
    check, lower = TrajectoryCheck(cell), cell.safety.box.lower[2]
    with (
        virtual_ur5() as robot,
        UrArm(cell.load_arm(), robot.config, cell) as arm,
    ):
        start = arm.joint_state().positions
        down = np.array([0.0, 0.9, 0.0, 0.0, 0.0, 0.0])  # the shoulder leans forward, to the table
        unchecked = JointTrajectory(
            np.array([0.0, 3.0]), np.stack([start, start + down]), np.zeros((2, 6))
        )
        with pytest.raises(CommandRejectedError):
            check.check(unchecked, arm.joint_state())
        arm.start_trajectory(unchecked)  # what the device itself looks at is in order
        robot.wait_until(lambda: not arm.motion_status().is_active, 5.0)
        status = arm.motion_status()
        assert status.state is MotionState.FAULT and "it was stopped" in status.message
        robot.wait_until(lambda: np.abs(arm.joint_state().velocities).max() < 0.01, 5.0)
        tool, heights = check.places(arm.joint_state().positions[None])
        assert (
            tool[0, :3, 2].min() > lower - 0.02 and heights.min() > cell.safety.link_height - 0.02
        )
        back = JointTrajectory(
            np.array([0.0, 3.0]),
            np.stack([arm.joint_state().positions, start]),
            np.zeros((2, 6)),
        )
        arm.start_trajectory(back)
        robot.wait_until(lambda: not arm.motion_status().is_active, 6.0)
        assert arm.motion_status().state is MotionState.SUCCEEDED
        set_point = arm.set_point()
        assert set_point.positions == pytest.approx(start, abs=1e-3)
        assert not set_point.velocities.any()
