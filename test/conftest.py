"""Fixtures that several folders share, and second tries on machines that stood still."""

import numpy as np
import pytest
import torch
from stolen_time import StolenTime

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.geometry.workspace import Workspace

_stolen_time = StolenTime()


def pytest_configure() -> None:
    """Begin to look out for a machine that stands still."""
    _stolen_time.watch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have a test run again that failed while the machine stood still (`stolen_time`)."""
    again = pytest.mark.flaky(reruns=2, reruns_delay=5, condition=_stolen_time.was_too_much)
    for item in items:
        item.add_marker(again)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin to count anew, for every try."""
    _stolen_time.restart()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def workspace() -> Workspace:
    """A tray's workspace at the paper's resolution."""
    return Workspace("left", 0.45, 0.21, floor_z=0.002)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)


@pytest.fixture
def arm_config() -> ArmConfig:
    """The UR5."""
    return load_config(ArmConfig, "arms", "ur5")


@pytest.fixture
def gripper_config() -> GripperConfig:
    """The 2F-85."""
    return load_config(GripperConfig, "grippers", "robotiq_2f_85")
