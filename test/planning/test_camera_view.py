"""Shadows of the arm on the trays."""

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.geometry.transform import Transform
from equigrasp.planning.ompl_planner import OmplPlanner


def test_both_trays_are_in_view_from_home(planner: OmplPlanner, cell: RobotCell) -> None:
    home = np.array(cell.arm_config.home_positions)
    assert all(planner.is_in_view(w, home) for w in cell.config.workspaces)


def test_an_arm_over_a_tray_hides_that_tray_and_not_the_other(
    planner: OmplPlanner, cell: RobotCell
) -> None:
    home = np.array(cell.arm_config.home_positions)
    for over, other in (cell.config.workspaces, cell.config.workspaces[::-1]):
        pose = Transform.top_down(over.center_x, over.center_y, 0.15, 0.0)
        posture = planner.inverse_kinematics(pose, home)
        assert not planner.is_in_view(over, posture)
        assert planner.is_in_view(other, posture)


def test_an_arm_between_the_trays_hides_both(planner: OmplPlanner, cell: RobotCell) -> None:
    posture = planner.inverse_kinematics(
        Transform.top_down(0.45, 0.0, 0.22, 0.0), np.array(cell.arm_config.home_positions)
    )
    assert not any(planner.is_in_view(w, posture) for w in cell.config.workspaces)
