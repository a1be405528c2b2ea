"""A UR5 in PyBullet, alone on the floor, behind a virtual controller."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from equigrasp.config import load_config
from equigrasp.devices.arm import Arm
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.clock import WallClock
from equigrasp.devices.motion import JointTrajectory
from equigrasp.devices.real_time import take_real_time_priority
from equigrasp.devices.robot_description import assemble
from equigrasp.hardware.ur.ur_config import UrConfig
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.physics import Physics
from equigrasp.virtual.ur.ur_controller import UrController
from equigrasp.virtual.ur.ur_server import UrServer

NEEDS_UR_RTDE = "ur_rtde is not installed: pip install -r requirements/hardware.txt"
WATCHDOG = 0.25  # [s] after which the robot stops when nothing arrives
_PATIENCE = 60.0  # [s] of the wall clock, whatever the robot's time
_Server = TypeVar("_Server")


@dataclass(frozen=True, eq=False)
class VirtualRobot:
    """The simulated arm, the controller that moves it and the server that speaks for both."""

    arm: BulletArm
    physics: Physics
    controller: UrController
    server: UrServer

    @property
    def config(self) -> UrConfig:
        """The shipped configuration, with this robot's address and a busy machine's patience."""
        return replace(
            load_config(UrConfig, "arm_drivers", "ur5_rtde"),
            host=self.server.host,
            watchdog_frequency=1.0 / WATCHDOG,
            link_timeout=0.5,
        )

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait for a condition; fail when it does not come true in `timeout` [s] of the robot's time.

        On a busy machine that runs slower than the wall clock.
        """
        state, deadline = self.controller.state, time.monotonic() + _PATIENCE
        began = state.timestamp
        while not condition():
            passed = state.timestamp - began
            assert passed < timeout, f"not within {timeout} s of the robot's time"
            assert time.monotonic() < deadline, f"only {passed:.1f} s of the robot's time passed"
            time.sleep(0.002)


class RobotClock(WallClock):
    """Durations in a virtual robot's own time, which runs slower on a busy machine."""

    def __init__(self, robot: VirtualRobot) -> None:
        self._state = robot.controller.state

    def now(self) -> float:
        return self._state.timestamp

    def sleep(self, duration: float) -> None:
        """Wait for so long [s]."""
        end = self.now() + duration
        while self.now() < end:
            self.pause()


def own_address(number: int = 0) -> str:
    """Return a loopback address that no other process uses."""
    pid = os.getpid()
    return f"127.{1 + number}.{pid // 254 % 256}.{1 + pid % 254}"


@contextmanager
def urgent(server: AbstractContextManager[_Server]) -> Iterator[_Server]:
    """Enter `server`; its threads run before everything ordinary, as a real controller does.

    Not the caller's own thread: what it computes, and the pools that it wakes, would hold others up.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    with ExitStack() as stack:
        take_real_time_priority()  # threads inherit it
        try:
            entered = stack.enter_context(server)
        finally:
            os.sched_setscheduler(0, policy, priority)
        yield entered


@contextmanager
def virtual_ur5(*, is_e_series: bool = False) -> Iterator[VirtualRobot]:
    """Serve a UR5 of either generation; a protective stop can be unlocked after 0.3 s."""
    config = load_config(ArmConfig, "arms", "ur5")
    gripper = load_config(GripperConfig, "grippers", "robotiq_2f_85")
    physics = Physics()
    try:
        arm = BulletArm(
            config,
            BulletRobot(physics, assemble(config, gripper)),
            has_force_sensor=True,
        )
        arm.teleport(np.array(config.home_positions))
        with arm:
            controller = UrController(arm, physics, is_e_series=is_e_series, unlock_delay=0.3)
            with urgent(UrServer(controller, own_address(int(is_e_series)))) as server:
                yield VirtualRobot(arm, physics, controller, server)
    finally:
        physics.close()


def turn(arm: Arm, change: float, duration: float) -> JointTrajectory:
    """Return a smooth turn of the first joint by `change` [rad] in `duration` [s]."""
    start = arm.joint_state().positions
    times = np.linspace(0.0, duration, 20)
    s = times / duration
    way = np.zeros_like(start)
    way[0] = change
    shape, slope = s * s * (3 - 2 * s), 6 * s * (1 - s) / duration
    return JointTrajectory(times, start + shape[:, None] * way, slope[:, None] * way)
