"""Put a simulated cell together from its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from equigrasp.devices.calibrated_cell import load_camera, load_cell
from equigrasp.devices.cell import OVERHEAD, CameraConfig, CellConfig, GripperConfig, RobotCell
from equigrasp.devices.robot_description import assemble
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_camera import BulletCamera
from equigrasp.simulation.bullet_gripper import BulletGripper
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.object_sets.registry import make_object_set
from equigrasp.simulation.physics import Physics
from equigrasp.simulation.worlds.cell_world import CellWorld


@dataclass(frozen=True, eq=False)
class SimulatedCell:
    """A robot cell in PyBullet, with the world that it stands in; a context manager."""

    cell: RobotCell
    world: CellWorld
    physics: Physics
    robot: BulletRobot

    def __enter__(self) -> "SimulatedCell":
        self.cell.arm.connect()
        self.cell.gripper.connect()
        for camera in self.cell.cameras.values():
            camera.connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for camera in self.cell.cameras.values():
            camera.disconnect()
        self.cell.gripper.disconnect()
        self.cell.arm.disconnect()
        self.physics.close()


def make_simulated_cell(
    cell_name: str,
    *,
    object_set: str = "household",
    seed: int = 0,
    start_tolerance: float | None = None,
    depth_noise: str = "",
) -> SimulatedCell:
    """Build the world, arm, gripper and cameras of `config/cells/<cell_name>.yaml` in PyBullet.

    Args:
        cell_name: Name of a cell, or path to its YAML file.
        object_set: `household`, `random_urdfs` or a folder of meshes.
        seed: Seeds object drops and camera noise.
        start_tolerance: Distance between a trajectory's start and the arm at which the arm refuses
            it [rad]; None: the arm's own. For a controller that steers the arm piece by piece.
        depth_noise: Noise model in the place of each camera's own: `none` or `realsense`; empty: its own.

    Raises:
        ConfigError: if a configuration or the object set is unknown or invalid.
    """
    config = load_cell(cell_name)
    cameras = {name: load_camera(config, name) for name in config.cameras}
    if depth_noise:
        cameras = {n: replace(c, depth_noise=depth_noise) for n, c in cameras.items()}
    return build_simulated_cell(
        config,
        config.load_gripper(),
        cameras,
        object_set=object_set,
        seed=seed,
        start_tolerance=start_tolerance,
    )


def build_simulated_cell(
    config: CellConfig,
    gripper_config: GripperConfig,
    camera_configs: Mapping[str, CameraConfig],
    *,
    object_set: str = "household",
    seed: int = 0,
    start_tolerance: float | None = None,
) -> SimulatedCell:
    """Build a cell from its parts; see `make_simulated_cell`."""
    arm_config = config.load_arm()
    objects = make_object_set(object_set)
    physics = Physics()
    robot = BulletRobot(physics, assemble(arm_config, gripper_config))
    if start_tolerance is not None:
        limits = replace(arm_config.limits, start_tolerance=start_tolerance)
        arm_config = replace(arm_config, limits=limits)
    arm = BulletArm(arm_config, robot)
    gripper = BulletGripper(gripper_config, robot)
    cameras = {
        name: BulletCamera(
            camera,
            physics,
            seed if name == OVERHEAD else derive_seed(seed, Stream.CAMERAS, number),
        )
        for number, (name, camera) in enumerate(sorted(camera_configs.items()))
    }

    def bring_home() -> None:
        arm.teleport(np.array(arm_config.home_positions))
        gripper.teleport(gripper_config.limits.stroke)

    bring_home()
    world = CellWorld(physics, robot, gripper.fingertips, config, objects, bring_home, seed)
    cell = RobotCell(config, arm_config, gripper_config, arm, gripper, cameras, physics)
    return SimulatedCell(cell, world, physics, robot)
