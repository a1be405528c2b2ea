"""A UR5 cell of fakes and a pick primitive on it."""

from dataclasses import dataclass

import numpy as np
import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import OVERHEAD, CellConfig, RobotCell
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper, ManualClock
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.place_target import PlaceTarget


@dataclass(frozen=True, eq=False)
class Bench:
    """Fakes, what drives them, and a grasp to try."""

    cell: RobotCell
    arm: FakeArm
    gripper: FakeGripper
    planner: OmplPlanner
    primitive: PickPrimitive
    workspace: Workspace
    grasp: PlanarGrasp
    place: PlaceTarget

    @property
    def num_commands(self) -> int:
        """Commands that reached a device."""
        return self.arm.num_commands + self.gripper.num_commands


@pytest.fixture(scope="session")
def ur5_planner() -> OmplPlanner:
    """One planner for all tests; it touches no device."""
    return OmplPlanner(_cell())


def _cell() -> RobotCell:
    config = load_config(CellConfig, "cells", "ur5")
    arm = config.load_arm()
    gripper = config.load_gripper()
    clock = ManualClock()
    devices = FakeArm(arm, clock), FakeGripper(gripper, clock), {OVERHEAD: FakeCamera(clock)}
    return RobotCell(config, arm, gripper, *devices, clock)


@pytest.fixture
def bench(ur5_planner: OmplPlanner) -> Bench:
    """A fresh cell with connected fakes; 30 mm wide objects lie between the fingers."""
    cell = _cell()
    cell.arm.connect()
    cell.gripper.connect()
    assert isinstance(cell.arm, FakeArm) and isinstance(cell.gripper, FakeGripper)
    cell.gripper.object_width = 0.03
    left, right = cell.config.workspaces
    return Bench(
        cell,
        cell.arm,
        cell.gripper,
        ur5_planner,
        PickPrimitive(cell, ur5_planner),
        left,
        PlanarGrasp(left.center_x + 0.05, left.center_y, 0.02, 0.4, 0.085),
        PlaceTarget(right, right.center_x, right.center_y, float(np.pi / 3)),
    )
