"""Minibatches of grasps, from a run's own attempts and from labels of before."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from equigrasp.errors import ReplayError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_buffer import GraspBuffer
from equigrasp.learning.grasping.grasp_step import dequantize
from equigrasp.learning.grasping.labels import read_labels
from equigrasp.learning.method_config import TrainingConfig
from equigrasp.paths import find_labels
from equigrasp.replay.step import Step
from equigrasp.seeding import Stream, derive_seed


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


class GraspBatches:
    """A `BatchSource` of grasps: a replay buffer, slots for the newest failure, views, and labels.

    Args:
        config: Sizes of buffer and minibatch, copies, views, labels.
        num_rotations: Yaw bins in [0, pi).
        workspace: Size of the heightmaps, and of the square that grasps stay in.
        seed: Seed of the run.
        device: Where the batches go.
    """

    def __init__(
        self,
        config: TrainingConfig,
        num_rotations: int,
        workspace: Workspace,
        seed: int,
        device: torch.device,
    ) -> None:
        self._config, self._seed, self._device = config, seed, device
        self._size = workspace.heightmap_size_px
        shape = num_rotations, workspace.action_size_px
        own_seed = derive_seed(seed, Stream.COPIES)
        self.buffer = GraspBuffer(config.buffer_capacity, config.num_copies, *shape, own_seed)
        self._prior: GraspBuffer | None = None
        if config.prior_labels:
            path = find_labels(config.prior_labels)
            labels = self._read_labels(path, num_rotations)
            prior_seed = derive_seed(seed, Stream.LABELS)
            self._prior = GraspBuffer(len(labels), config.num_copies, *shape, prior_seed)
            for label in labels:
                self._prior.add(label)

    @property
    def num_bytes(self) -> int:
        """Memory of the run's own heightmaps [bytes]."""
        return self.buffer.num_bytes

    def add(self, step: Step) -> None:
        """Store an attempt; those of a run come in order, without gaps."""
        self.buffer.add(step)

    def sample(self, newest: int, sgd_step: int) -> GraspBatch:
        """See `BatchSource.sample`."""
        config = self._config
        rng = np.random.default_rng([derive_seed(self._seed, Stream.MINIBATCHES), sgd_step])
        pairs = self.buffer.sample(newest, config.num_own_slots, config.num_failure_slots, rng)
        drawn = [(self.buffer, *pair) for pair in pairs]
        if self._prior is not None:
            labels = self._prior.sample(len(self._prior) - 1, config.num_prior_slots, 0, rng)
            drawn += [(self._prior, *pair) for pair in labels]
        return self._batch(drawn, sgd_step)

    def _batch(self, drawn: list[tuple[GraspBuffer, int, int]], sgd_step: int) -> GraspBatch:
        views = max(1, self._config.num_views)
        is_fresh = self._config.num_views > 0
        seeds = [derive_seed(self._seed, Stream.VIEWS), sgd_step]
        rng = np.random.default_rng(seeds) if is_fresh else None
        copies = [
            source.read(attempt, copy, rng)
            for _ in range(views)
            for source, attempt, copy in drawn
        ]
        rewards = [source.get(attempt).reward for source, attempt, _ in drawn] * views
        heightmaps = np.stack([dequantize(c.heightmap) for c in copies])[:, None]
        device = self._device
        return GraspBatch(
            heightmaps=torch.from_numpy(heightmaps).to(device),
            rows=torch.tensor([c.row for c in copies], device=device),
            cols=torch.tensor([c.col for c in copies], device=device),
            rotation_bins=torch.tensor([c.rotation_bin for c in copies], device=device),
            rewards=torch.tensor(rewards, dtype=torch.float32, device=device),
            num_views=views,
        )

    def _read_labels(self, path: Path, num_rotations: int) -> list[Step]:
        labels = read_labels(path, num_rotations)
        size = labels[0].observation["heightmap"].shape[0] if labels else 0
        if size != self._size:
            found = f"heightmaps of {size} px" if labels else "nothing"
            raise ReplayError(f"{path}: holds {found}; this run needs {self._size} px.")
        return labels
