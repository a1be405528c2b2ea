"""Fixtures that several folders share."""

import numpy as np
import pytest
import torch

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.geometry.workspace import Workspace


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
