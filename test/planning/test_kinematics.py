"""Forward and inverse kinematics against the data sheet, differences and round trips."""

import numpy as np
import pytest

from equigrasp.devices.cell import RobotCell
from equigrasp.errors import UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.ompl_planner import OmplPlanner

# Universal Robots, "DH Parameters for calculations of kinematics and dynamics", UR5: a, d, alpha.
_UR5_DH = (
    (0.0, 0.089159, np.pi / 2),
    (-0.425, 0.0, 0.0),
    (-0.39225, 0.0, 0.0),
    (0.0, 0.10915, np.pi / 2),
    (0.0, 0.09465, -np.pi / 2),
    (0.0, 0.0823, 0.0),
)


def _dh_pose(joint_positions: np.ndarray, tcp_offset: float) -> np.ndarray:
    pose = np.diag([-1.0, -1.0, 1.0, 1.0])  # ROS turns the maker's base frame by 180 degrees
    for (a, d, alpha), angle in zip(_UR5_DH, joint_positions, strict=True):
        ct, st, ca, sa = np.cos(angle), np.sin(angle), np.cos(alpha), np.sin(alpha)
        pose = pose @ np.array(
            [
                [ct, -st * ca, st * sa, a * ct],
                [st, ct * ca, -ct * sa, a * st],
                [0.0, sa, ca, d],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )
    return pose @ Transform(np.array([0, 0, tcp_offset]), np.array([0, 0, 0, 1])).matrix()


def test_forward_kinematics_of_the_ur5_equal_its_dh_parameters(
    planner: OmplPlanner, cell: RobotCell, rng: np.random.Generator
) -> None:
    for _ in range(20):
        joint_positions = rng.uniform(-np.pi, np.pi, 6)
        expected = _dh_pose(joint_positions, cell.gripper_config.tcp_offset)
        pose = planner.forward_kinematics(joint_positions).matrix()
        np.testing.assert_allclose(pose, expected, atol=1e-4)


def test_jacobian_equals_finite_differences(
    planner: OmplPlanner, rng: np.random.Generator
) -> None:
    joint_positions, step = rng.uniform(-2, 2, 6), 1e-6
    jacobian = planner.kinematics.jacobian(joint_positions)
    here = planner.forward_kinematics(joint_positions)
    for i in range(6):
        there = planner.forward_kinematics(joint_positions + step * np.eye(6)[i])
        linear = (there.position - here.position) / step
        angular = (there.rotation * here.rotation.inv()).as_rotvec() / step
        np.testing.assert_allclose(jacobian[:, i], [*linear, *angular], atol=1e-4)


def test_inverse_kinematics_reach_both_trays_at_all_eight_yaws(
    planner: OmplPlanner, cell: RobotCell
) -> None:
    home = np.array(cell.arm_config.home_positions)
    lower, upper = np.array(cell.arm.limits.lower), np.array(cell.arm.limits.upper)
    for workspace in cell.config.workspaces:
        for pixel in (20, 64, 107):
            for other in (20, 64, 107):
                x, y = workspace.pixel_to_xy(pixel, other)
                for k in range(8):
                    target = Transform.top_down(x, y, 0.12, k * np.pi / 8)
                    found = planner.inverse_kinematics(target, home)
                    reached = planner.forward_kinematics(found)
                    assert np.abs(reached.position - target.position).max() < 1e-4
                    assert (reached.rotation.inv() * target.rotation).magnitude() < 1e-3
                    assert (found >= lower).all() and (found <= upper).all()


def test_inverse_kinematics_stay_near_the_seed(
    planner: OmplPlanner, cell: RobotCell, rng: np.random.Generator
) -> None:
    home = np.array(cell.arm_config.home_positions)
    for _ in range(20):
        near = home + rng.uniform(-0.3, 0.3, 6)
        found = planner.kinematics.solutions(planner.forward_kinematics(near), near + 0.02)[0]
        np.testing.assert_allclose(found, near, atol=0.01)


def test_a_pose_out_of_reach_is_named_in_the_error(planner: OmplPlanner, cell: RobotCell) -> None:
    home = np.array(cell.arm_config.home_positions)
    with pytest.raises(UnreachableError, match=r"'ur5' cannot reach .*\(1\.500, 0\.000, 0\.200\)"):
        planner.inverse_kinematics(Transform.top_down(1.5, 0.0, 0.2, 0.0), home)
