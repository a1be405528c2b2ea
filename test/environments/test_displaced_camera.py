"""Cameras that stand elsewhere than believed."""

import math

import numpy as np
import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import FRONT, OVERHEAD, CellConfig, RobotCell
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper, ManualClock
from equigrasp.environments.displaced_camera import with_displaced_cameras


@pytest.fixture
def cell() -> RobotCell:
    config = load_config(CellConfig, "cells", "ur5")
    clock, arm, gripper = ManualClock(), config.load_arm(), config.load_gripper()
    cameras = {OVERHEAD: FakeCamera(clock), FRONT: FakeCamera(clock, floor_depth=0.9)}
    devices = FakeArm(arm, clock), FakeGripper(gripper, clock)
    return RobotCell(config, arm, gripper, *devices, cameras, clock)


def test_each_camera_is_off_by_as_much_and_sees_the_same(cell: RobotCell) -> None:
    other = with_displaced_cameras(cell, np.random.default_rng(0))
    offsets = []
    for name, camera in cell.cameras.items():
        found = other.cameras[name]
        offset = found.T_base_camera.position - camera.T_base_camera.position
        assert np.linalg.norm(offset) == pytest.approx(0.015)
        turn = found.T_base_camera.rotation * camera.T_base_camera.rotation.inv()
        assert turn.magnitude() == pytest.approx(math.radians(1.0))
        offsets.append(offset)
        found.connect()
        assert np.array_equal(found.capture().depth, camera.capture().depth)
        assert found.model == camera.model
    assert np.linalg.norm(offsets[0] - offsets[1]) > 1e-3


def test_the_cell_itself_is_as_before(cell: RobotCell) -> None:
    before = {n: c.T_base_camera.position.copy() for n, c in cell.cameras.items()}
    with_displaced_cameras(cell, np.random.default_rng(0))
    for name, position in before.items():
        assert np.array_equal(cell.cameras[name].T_base_camera.position, position)
