"""A UR5 in PyBullet, alone on the floor, behind a virtual controller."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.robot_description import assemble
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.physics import Physics
from equigrasp.virtual.ur_controller import UrController
from equigrasp.virtual.ur_server import UrServer


@dataclass(frozen=True, eq=False)
class VirtualRobot:
    """The simulated arm, the controller that moves it and the server that speaks for both."""

    arm: BulletArm
    physics: Physics
    controller: UrController
    server: UrServer


@contextmanager
def virtual_ur5(host: str, *, is_e_series: bool = False) -> Iterator[VirtualRobot]:
    """Serve a UR5 at a loopback address; a protective stop can be unlocked after 0.3 s."""
    config = load_config(ArmConfig, "arms", "ur5")
    gripper = load_config(GripperConfig, "grippers", "robotiq_2f_85")
    physics = Physics()
    try:
        arm = BulletArm(config, BulletRobot(physics, assemble(config, gripper)))
        arm.teleport(np.array(config.home_positions))
        with arm:
            controller = UrController(arm, physics, is_e_series=is_e_series, unlock_delay=0.3)
            with UrServer(controller, host) as server:
                yield VirtualRobot(arm, physics, controller, server)
    finally:
        physics.close()
