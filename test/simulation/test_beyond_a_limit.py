"""An arm that stands a little beyond a joint limit goes home, and is never driven farther out."""

import threading

import numpy as np
import pytest

from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.primitives.home import return_home
from equigrasp.primitives.motion import Motion
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.make import make_simulated_cell


@pytest.mark.parametrize(("cell_name", "joint"), [("kuka", 6), ("ur5", 5)])
def test_an_arm_beyond_a_joint_limit_goes_home(
    cell_name: str, joint: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_simulated_cell(cell_name) as simulation:
        cell = simulation.cell
        arm, limits = cell.arm, cell.arm_config.limits
        assert isinstance(arm, BulletArm)
        home = np.array(cell.arm_config.home_positions)
        beyond = home.copy()
        beyond[joint] = limits.upper[joint] + 0.002
        arm.teleport(beyond)
        check, start = TrajectoryCheck(cell.config), arm.start_trajectory
        farthest = []

        def judged(trajectory: object) -> None:  # as the arm node does
            check.check(trajectory, arm.joint_state(), arm.set_point())  # type: ignore[arg-type]
            start(trajectory)  # type: ignore[arg-type]

        monkeypatch.setattr(arm, "start_trajectory", judged)
        simulation.physics.add_step_hook(
            lambda _: farthest.append(arm.set_point().positions[joint])
        )
        return_home(Motion(cell, threading.Event()), OmplPlanner(cell))
        assert np.abs(arm.joint_state().positions - home).max() < 0.01
        assert max(farthest) <= beyond[joint]
