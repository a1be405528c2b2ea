"""What every method offers to actors and learners."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import GraspAction, PixelGrasp
from equigrasp.perception.observation import Observation

Mode = Literal["random", "train", "greedy"]


class EmptyWorkspaceError(PerceptionError):
    """Nothing rises above the floor: there is nothing to grasp."""


@dataclass(frozen=True, eq=False)
class Decision:
    """A chosen grasp and what it was chosen from.

    Args:
        grasp: In the base frame.
        pixel: On the heightmap.
        q_value: Predicted probability of success; NaN for a random choice.
        q_map: Probability of success for each pixel of the action square, shape (A, A),
            float32; zeros for a random choice.
        rotation_values: Probability of success for each yaw at the pixel, shape (n,).
        policy_version: Version of the weights that chose.
        decision_time: From observation to grasp [s, wall clock].
    """

    grasp: GraspAction
    pixel: PixelGrasp
    q_value: float
    q_map: np.ndarray
    rotation_values: np.ndarray
    policy_version: int
    decision_time: float


class Policy(Protocol):
    """Maps an observation to a grasp."""

    version: int

    def choose(
        self,
        observation: Observation,
        rng: np.random.Generator,
        mode: Mode,
        num_consecutive_failures: int = 0,
    ) -> Decision:
        """Choose a grasp; raise `EmptyWorkspaceError` if there is nothing to grasp."""
        ...

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over weights between two choices; `WeightsError` leaves the old ones in place."""
        ...


@dataclass(frozen=True, eq=False)
class GraspBatch:
    """A minibatch of attempts as tensors.

    Args:
        heightmaps: Shape (B, 1, S, S), float32 [m].
        rows: Heightmap rows of the grasps, shape (B,), int64.
        cols: Heightmap columns, shape (B,), int64.
        rotation_bins: Yaw indices, shape (B,), int64.
        rewards: 0 or 1, shape (B,), float32.
        num_views: The batch holds this many views of the same attempts, one after the other.
    """

    heightmaps: torch.Tensor
    rows: torch.Tensor
    cols: torch.Tensor
    rotation_bins: torch.Tensor
    rewards: torch.Tensor
    num_views: int = 1


class Learner(Protocol):
    """Maps batches to weights."""

    modules: dict[str, torch.nn.Module]
    optimizer: torch.optim.Optimizer

    def train_step(self, batch: GraspBatch, seed: int) -> dict[str, float]:
        """Take one SGD step and return its losses; all its randomness comes from `seed`."""
        ...
