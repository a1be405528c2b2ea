"""A UR5 in PyBullet, alone on the floor, behind a virtual controller."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from equigrasp.config import load_config
from equigrasp.devices.arm import Arm, JointTrajectory
from equigrasp.devices.cell import ArmConfig, GripperConfig
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
            config, BulletRobot(physics, assemble(config, gripper)), has_force_sensor=True
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
