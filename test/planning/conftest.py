"""A UR5 cell of fakes, and its planner."""

from collections.abc import Callable

import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import OVERHEAD, CellConfig, RobotCell
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper, ManualClock
from equigrasp.planning.ompl_planner import OmplPlanner


def make_fake_cell(name: str) -> RobotCell:
    """Return a cell whose arm and gripper are connected fakes."""
    config = load_config(CellConfig, "cells", name)
    arm = config.load_arm()
    gripper = config.load_gripper()
    clock = ManualClock()
    cell = RobotCell(
        config,
        arm,
        gripper,
        FakeArm(arm, clock),
        FakeGripper(gripper, clock),
        {OVERHEAD: FakeCamera(clock)},
        clock,
    )
    cell.arm.connect()
    cell.gripper.connect()
    return cell


@pytest.fixture(scope="session")
def fake_cell() -> Callable[[str], RobotCell]:
    """What makes a cell of a name."""
    return make_fake_cell


@pytest.fixture(scope="module")
def cell() -> RobotCell:
    """The UR5's cell; planning uses none of its devices."""
    return make_fake_cell("ur5")


@pytest.fixture(scope="module")
def planner(cell: RobotCell) -> OmplPlanner:
    """A planner of the UR5's cell."""
    return OmplPlanner(cell)


@pytest.fixture(scope="module", params=["ur5", "kuka"])
def robot(request: pytest.FixtureRequest) -> RobotCell:
    """Each cell that comes with the project; planning uses none of its devices."""
    return make_fake_cell(request.param)
