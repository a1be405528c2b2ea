"""The parts of a `Method` that all methods of single grasps share."""

from typing import Protocol

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatches
from equigrasp.learning.grasping.grasp_step import grasp_spec
from equigrasp.learning.method_config import TrainingConfig
from equigrasp.replay.step import ExperienceSpec


class YawNetworkConfig(Protocol):
    """Configuration of networks that value yaws."""

    @property
    def num_rotations(self) -> int:
        """Yaw bins in [0, pi)."""
        ...


class GraspMethodConfig(Protocol):
    """Configuration of a method that chooses pixels and yaws."""

    @property
    def network(self) -> YawNetworkConfig:
        """Its networks."""
        ...

    @property
    def training(self) -> TrainingConfig:
        """How it learns."""
        ...


def make_grasp_spec(config: GraspMethodConfig, workspace: Workspace) -> ExperienceSpec:
    """Return what the steps of such a method hold; see `grasp_spec`."""
    return grasp_spec(workspace, config.network.num_rotations)


def make_grasp_batches(
    config: GraspMethodConfig, workspace: Workspace, seed: int, device: torch.device
) -> GraspBatches:
    """Return the minibatches of such a method; see `GraspBatches`."""
    return GraspBatches(config.training, config.network.num_rotations, workspace, seed, device)
