"""An arm that is told to stop, where news of it and the robot's time come late or in jumps."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.fakes import FakeArm, ManualClock
from equigrasp.devices.motion import JointState, JointTrajectory, MotionState, MotionStatus
from equigrasp.errors import DeviceTimeoutError
from equigrasp.primitives.motion import Motion


class LateArm(FakeArm):
    """Tells what a test has it tell.

    Attributes:
        state: Of its motion.
        speed: That its joint states show [rad/s].
        stamp: Of its newest joint state [s].
    """

    def __init__(self, config: ArmConfig, clock: ManualClock) -> None:
        super().__init__(config, clock)
        self.state, self.speed, self.stamp = MotionState.STOPPING, 0.0, 0.0

    def motion_status(self) -> MotionStatus:
        return MotionStatus(self.state)

    def stop(self) -> None:
        """It has heard, and brakes."""

    def joint_state(self) -> JointState:
        speeds, still = np.full(6, self.speed), np.zeros(6)
        return JointState(self.stamp, still, speeds, still)


class ScriptedClock(ManualClock):
    """Does one thing of a script at each pause."""

    def __init__(self, script: list[Callable[[], None]]) -> None:
        super().__init__()
        self.script = script

    def pause(self) -> None:
        if self.script:
            self.script.pop(0)()
        else:
            self.sleep(0.02)


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock([])


@pytest.fixture
def arm(arm_config: ArmConfig, clock: ScriptedClock) -> LateArm:
    return LateArm(arm_config, clock)


@pytest.fixture
def motion(bench: Any, arm: LateArm, clock: ScriptedClock) -> Motion:
    return Motion(replace(bench.cell, arm=arm, clock=clock), threading.Event())


def test_time_that_comes_all_at_once_is_no_motion(
    arm: LateArm, clock: ScriptedClock, motion: Motion
) -> None:
    """`/clock` stood still, and caught up before the arm's result came."""

    def end() -> None:
        arm.state = MotionState.STOPPED

    clock.script = [lambda: clock.sleep(5.0), end]
    motion.halt()


def test_an_old_joint_state_is_no_motion(
    arm: LateArm, clock: ScriptedClock, motion: Motion
) -> None:
    """The newest one is from before the stop; the robot's time runs on."""
    arm.speed = 1.0

    def news() -> None:
        arm.stamp, arm.speed, arm.state = clock.now(), 0.0, MotionState.STOPPED

    clock.script = [lambda: clock.sleep(0.05)] * 60 + [news]
    motion.halt()


def test_an_arm_that_rests_may_confirm_late(
    arm: LateArm, clock: ScriptedClock, motion: Motion
) -> None:
    def rest() -> None:
        clock.sleep(0.02)
        arm.stamp = clock.now()

    def end() -> None:
        arm.state = MotionState.STOPPED

    clock.script = [rest] * 200 + [end]
    motion.halt()


def test_an_arm_that_moves_on_is_told(arm: LateArm, clock: ScriptedClock, motion: Motion) -> None:
    def move() -> None:
        clock.sleep(0.02)
        arm.stamp, arm.speed = clock.now(), 0.3

    clock.script = [move] * 500
    with pytest.raises(DeviceTimeoutError, match="still moves after 1.0 s"):
        motion.halt()
    assert clock.now() == pytest.approx(1.0, abs=0.1)


def test_a_stop_that_nobody_confirms_is_told(
    arm: LateArm, clock: ScriptedClock, motion: Motion
) -> None:
    with pytest.raises(DeviceTimeoutError, match="controller's word"):
        motion.halt()
    assert clock.now() < 5.0


def test_a_jump_of_time_ends_no_wait_for_a_motion(
    arm: LateArm, clock: ScriptedClock, motion: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the arm, nor for the fingers, nor for a joint state."""
    monkeypatch.setattr(arm, "start_trajectory", lambda trajectory: None)
    arm.state = MotionState.MOVING

    def end() -> None:
        arm.state = MotionState.SUCCEEDED

    clock.script = [lambda: clock.sleep(20.0), end]
    points = JointTrajectory(np.array([0.0, 1.0]), np.zeros((2, 6)), np.zeros((2, 6)))
    assert motion.follow(points) is MotionState.SUCCEEDED

    fingers = motion.cell.gripper
    states = iter([MotionState.MOVING, MotionState.MOVING, MotionState.SUCCEEDED])
    monkeypatch.setattr(fingers, "motion_status", lambda: MotionStatus(next(states)))
    clock.script = [lambda: clock.sleep(20.0)]
    motion.wait_for_fingers()

    def settle() -> None:
        arm.stamp = clock.now()

    arm.stamp = clock.now() - 1.0
    asked = clock.now()
    clock.script = [lambda: clock.sleep(20.0), settle]
    motion.joint_positions()
    assert arm.stamp > asked
