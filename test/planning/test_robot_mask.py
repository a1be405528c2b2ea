"""Where in an image the robot is, held against the simulator's truth."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import OVERHEAD
from equigrasp.geometry.transform import Transform
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.planning.robot_mask import RobotMask
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_camera import BulletCamera
from equigrasp.simulation.bullet_gripper import BulletGripper
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell


@pytest.fixture(scope="module", params=["ur5", pytest.param("kuka", marks=pytest.mark.slow)])
def simulation(request: pytest.FixtureRequest) -> Iterator[SimulatedCell]:
    with make_simulated_cell(request.param) as simulation:
        yield simulation


@pytest.fixture(scope="module")
def mask(simulation: SimulatedCell) -> RobotMask:
    return RobotMask(simulation.cell.arm_config, simulation.cell.gripper_config)


@pytest.fixture(scope="module")
def planner(simulation: SimulatedCell) -> OmplPlanner:
    return OmplPlanner(simulation.cell)


def _stand(
    simulation: SimulatedCell, planner: OmplPlanner, height: float, yaw: float, width: float
) -> np.ndarray:
    """Put the gripper over the left tray and return the arm's joint positions."""
    cell, tray = simulation.cell, simulation.cell.config.workspaces[0]
    pose = Transform.top_down(tray.center_x, tray.center_y, height, yaw)
    home = np.array(cell.arm_config.home_positions)
    positions = planner.inverse_kinematics(pose, home)
    assert isinstance(cell.arm, BulletArm) and isinstance(cell.gripper, BulletGripper)
    cell.arm.teleport(positions)
    cell.gripper.teleport(width)
    return positions


@pytest.mark.parametrize("camera_name", [OVERHEAD, "front"])
@pytest.mark.parametrize(("height", "yaw", "width"), [(0.16, 0.5, 0.085), (0.04, 1.9, 0.0)])
def test_all_of_the_robot_is_in_the_mask_and_not_much_else(
    simulation: SimulatedCell,
    planner: OmplPlanner,
    mask: RobotMask,
    camera_name: str,
    height: float,
    yaw: float,
    width: float,
) -> None:
    positions = _stand(simulation, planner, height, yaw, width)
    camera = simulation.cell.cameras[camera_name]
    assert isinstance(camera, BulletCamera)
    _, bodies = camera.capture_bodies()
    is_robot = bodies == simulation.robot.body
    found = mask.pixels(positions, width, camera.model, camera.T_base_camera)
    assert is_robot.sum() > 500
    assert (is_robot & ~found).sum() < 0.03 * is_robot.sum()
    assert found.mean() < 0.25 and found.sum() < 3.0 * is_robot.sum()


def test_the_gap_between_open_fingers_is_seen_through(
    simulation: SimulatedCell, planner: OmplPlanner, mask: RobotMask
) -> None:
    cell, tray = simulation.cell, simulation.cell.config.workspaces[0]
    positions = _stand(
        simulation, planner, 0.05, np.pi / 2, 0.085
    )  # opens across the front camera's view
    camera: Camera = cell.cameras["front"]
    tips = np.array([[tray.center_x, tray.center_y, 0.055]])
    u, v = np.rint(camera.model.project(camera.T_base_camera.inverse().apply(tips))[0]).astype(int)
    opened = mask.pixels(positions, 0.085, camera.model, camera.T_base_camera)
    closed = mask.pixels(positions, 0.0, camera.model, camera.T_base_camera)
    assert closed[v, u] and not opened[v, u]


def test_behind_the_camera_nothing_hides(
    simulation: SimulatedCell, planner: OmplPlanner, mask: RobotMask
) -> None:
    positions = _stand(simulation, planner, 0.16, 0.5, 0.085)
    camera = simulation.cell.cameras[OVERHEAD]
    away = Transform.from_rpy(np.array([2.0, 0.0, 0.5]), np.array([-np.pi / 2, 0.0, -np.pi / 2]))
    assert not mask.pixels(positions, 0.085, camera.model, away).any()


def test_a_link_at_the_camera_hides_everything(
    simulation: SimulatedCell, planner: OmplPlanner, mask: RobotMask
) -> None:
    positions = _stand(simulation, planner, 0.16, 0.5, 0.085)
    camera, tray = simulation.cell.cameras[OVERHEAD], simulation.cell.config.workspaces[0]
    down = np.array([np.pi, 0.0, -np.pi / 2])
    inside = Transform.from_rpy(np.array([tray.center_x, tray.center_y, 0.25]), down)
    assert mask.pixels(positions, 0.085, camera.model, inside).all()
