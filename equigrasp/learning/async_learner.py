"""A learner whose weights are a pure function of the experience log, seed and configuration."""

import bisect
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from equigrasp.errors import ReplayError, WeightsError
from equigrasp.learning.checkpoint import load_optimizer_state, optimizer_tensors
from equigrasp.learning.interfaces import GraspBatch, Learner
from equigrasp.learning.seeding import derive_seed
from equigrasp.learning.trained_weights import read_trained_weights
from equigrasp.learning.weight_store import (
    WeightFile,
    WeightStore,
    fill_parameters,
    read_parameters,
)
from equigrasp.networks.clebsch_gordan import BASIS
from equigrasp.paths import find_labels
from equigrasp.replay.experience_log import ExperienceLog, Extras
from equigrasp.replay.labels import read_labels
from equigrasp.replay.transition import GraspTransition, dequantize
from equigrasp.replay.uniform_buffer import UniformBuffer

_LOGGER = logging.getLogger(__name__)
_AVERAGE = "average."  # prefix in a checkpoint
_STEPS_DUE = "steps_due"  # in the log, where a learner may lag only so far


@dataclass(frozen=True)
class StepReport:
    """What one SGD step did: the attempt that called for it, its losses, and its time [s]."""

    step: int
    attempt: int
    losses: dict[str, float]
    sgd_time: float


class AsyncLearner:
    """Writes attempts to disk, then learns from them at a fixed number of steps an attempt.

    Step s belongs to one attempt and draws only from the attempts up to it, with randomness
    seeded by s alone. So it does not matter when attempts arrive, how far the learner lags
    behind, or how often it is killed: the same log gives the same weights, bit for bit, on the
    same machine. A learner that may lag only so far (`max_lag`) writes into the log how many steps
    each attempt has called for.

    Args:
        folder: Run folder; continues what lies in it.
        package: The method's package.
        config: The method's configuration.
        seed: Seed of the run.
        weights: Weight file to begin a new run with; None: random weights.
        device: Where the networks learn: `cpu` or `cuda`.
        heightmap_size_px: Side of the heightmaps.
        action_size_px: Side of the action square.
        is_writing: Whether attempts come by `add`; else another process writes them, and `follow`
            reads them.
    """

    def __init__(
        self,
        folder: Path,
        package: ModuleType,
        config: Any,
        seed: int,
        weights: Path | None = None,
        device: str = "cpu",
        heightmap_size_px: int = 128,
        action_size_px: int = 96,
        is_writing: bool = True,
    ) -> None:
        torch.set_num_threads(config.training.num_threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        self._config = config.training
        self._seed = seed
        self._size = heightmap_size_px
        self.method = str(config.method)
        modules = package.make_networks(config, seed)
        if weights is not None:
            fill_parameters(modules, read_trained_weights(weights, config)[0], str(weights))
        self._device = torch.device(device)
        modules = {name: module.to(self._device) for name, module in modules.items()}
        self.learner: Learner = package.make_learner(config, modules, action_size_px)
        num_rotations = int(config.network.num_rotations)
        self.buffer = UniformBuffer(
            self._config.buffer_capacity,
            self._config.num_copies,
            num_rotations,
            action_size_px,
            derive_seed(seed, 2),
        )
        self._prior: UniformBuffer | None = None
        if self._config.prior_labels:
            self._prior = self._read_prior(num_rotations, action_size_px)
        self._average = read_parameters(modules) if self._config.average_decay else {}
        self.num_steps = 0
        self.num_successes = 0
        self._steps_due: list[int] = []  # by the attempts up to each
        self._weights = WeightStore(folder / "weights")
        self._checkpoints = WeightStore(folder / "checkpoints", "checkpoint", num_kept=2)
        self.log = ExperienceLog(folder / "experience.log", is_writing)
        try:
            for transition, extras in self.log:
                self._remember(transition, extras)
            self._restore()
        except BaseException:
            self.log.close()  # another learner may write to it
            raise

    @property
    def num_attempts(self) -> int:
        """Attempts on disk; the next one has this number."""
        return len(self.log)

    @property
    def num_pending_steps(self) -> int:
        """Steps that the attempts on disk still call for."""
        return max(0, self._num_due - self.num_steps)

    @property
    def num_learned_attempts(self) -> int:
        """Attempts that called for no step which is not yet taken."""
        return bisect.bisect_right(self._steps_due, self.num_steps)

    def add(self, transition: GraspTransition, extras: Extras) -> bool:
        """Write an attempt to disk and into the buffer; False if it is there already.

        Raises:
            LogFullError: if the disk is full; nothing changed.
            ReplayError: if an attempt before this one is missing, or the heightmap has another
                size.
        """
        if transition.attempt < self.num_attempts:
            return False
        if transition.attempt > self.num_attempts:
            raise ReplayError(
                f"Attempt {transition.attempt} came before attempt {self.num_attempts}."
            )
        if transition.heightmap.shape[0] != self._size:
            raise ReplayError(
                f"Heightmaps of this run have {self._size} px, found {transition.heightmap.shape}."
            )
        if lag := self._config.max_lag:
            most = self.num_steps + lag * self._config.steps_per_attempt
            extras = extras | {_STEPS_DUE: max(self._num_due, min(self._next_due(), most))}
        self.log.append(transition, extras)
        self._remember(transition, extras)
        return True

    def follow(self) -> None:
        """Take in the attempts that another process has written since the last look."""
        for transition, extras in self.log.read_on():
            self._remember(transition, extras)

    def train_pending(self, max_steps: int) -> list[StepReport]:
        """Take up to `max_steps` of the pending steps and report on each."""
        return [self._step() for _ in range(min(max_steps, self.num_pending_steps))]

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the weights to act by: their moving average where the configuration says so."""
        average = {name: tensor.clone() for name, tensor in self._average.items()}
        return average or read_parameters(self.learner.modules)

    def publish(self) -> WeightFile:
        """Write `weights()` as the version that counts the steps; see `WeightStore`."""
        tensors = self.weights()
        return self._weights.save(self.num_steps, tensors, {"method": self.method})

    def save_checkpoint(self) -> None:
        """Write weights and optimiser state, whole or not at all."""
        tensors = read_parameters(self.learner.modules)
        tensors |= optimizer_tensors(self.learner)
        tensors |= {f"{_AVERAGE}{name}": tensor for name, tensor in self._average.items()}
        metadata = {"seed": str(self._seed), "basis": BASIS}
        self._checkpoints.save(self.num_steps, tensors, metadata)

    def close(self) -> None:
        """Save a checkpoint and close the log; may be called twice."""
        try:
            self.save_checkpoint()
        except WeightsError as error:  # the log alone brings everything back
            _LOGGER.warning("No last checkpoint: %s", error)
        self.log.close()

    @property
    def _num_due(self) -> int:
        return self._steps_due[-1] if self._steps_due else 0

    def _next_due(self) -> int:
        """Return how many steps the attempts on disk and one more call for, if none is left out."""
        if len(self._steps_due) + 1 < self._config.first_training_attempt:
            return 0
        return self._num_due + self._config.steps_per_attempt

    def _remember(self, transition: GraspTransition, extras: Extras) -> None:
        self._steps_due.append(int(extras.get(_STEPS_DUE, self._next_due())))
        self.buffer.add(transition)
        self.num_successes += int(transition.reward)

    def _read_prior(self, num_rotations: int, action_size_px: int) -> UniformBuffer:
        path = find_labels(self._config.prior_labels)
        labels = read_labels(path, num_rotations)
        if not labels or labels[0].heightmap.shape[0] != self._size:
            found = f"heightmaps of {labels[0].heightmap.shape[0]} px" if labels else "nothing"
            raise ReplayError(f"{path}: holds {found}; this run needs {self._size} px.")
        seed = derive_seed(self._seed, 11)
        num_copies = self._config.num_copies
        prior = UniformBuffer(len(labels), num_copies, num_rotations, action_size_px, seed)
        for label in labels:
            prior.add(label)
        return prior

    def _restore(self) -> None:
        newest = self._checkpoints.newest()
        if newest is None:
            return
        tensors, metadata = newest
        step = int(metadata["version"])
        if metadata.get("seed") != str(self._seed) or step > self._num_due:
            raise WeightsError(
                f"The checkpoint of step {step} does not belong to this log and seed "
                f"{self._seed}. Resume with the run's own seed, or choose a new folder."
            )
        if metadata.get("basis") != BASIS:
            raise WeightsError(
                f"The checkpoint of step {step} is of an older version, whose weights mean something else "
                "on another machine. Delete the run's folder checkpoints/, and all its attempts are "
                "learned anew from its log."
            )
        parameters = {k: v for k, v in tensors.items() if not k.startswith(("adam.", _AVERAGE))}
        fill_parameters(self.learner.modules, parameters, "checkpoint")
        load_optimizer_state(self.learner, tensors)
        if self._average:
            self._average = {
                k: tensors[f"{_AVERAGE}{k}"].to(self._device, copy=True) for k in self._average
            }
        self.num_steps = step
        _LOGGER.info("Continuing at step %d of %d.", step, self._num_due)

    def _step(self) -> StepReport:
        began = time.perf_counter()
        step = self.num_steps
        attempt = self.num_learned_attempts
        rng = np.random.default_rng([derive_seed(self._seed, 3), step])
        config = self._config
        pairs = self.buffer.sample(attempt, config.num_own_slots, config.num_failure_slots, rng)
        drawn = [(self.buffer, *pair) for pair in pairs]
        if self._prior is not None:
            labels = self._prior.sample(len(self._prior) - 1, config.num_prior_slots, 0, rng)
            drawn += [(self._prior, *pair) for pair in labels]
        losses = self.learner.train_step(
            self._batch(drawn, step), derive_seed(self._seed, 4, step)
        )
        self.num_steps += 1
        self._follow()
        if self.num_steps % self._config.checkpoint_every == 0:
            self.save_checkpoint()
        return StepReport(step, attempt, losses, time.perf_counter() - began)

    def _follow(self) -> None:
        """Move the average towards the weights, at first faster, so that it forgets where it began."""
        if not self._average:
            return
        decay = min(self._config.average_decay, self.num_steps / (9 + self.num_steps))
        for name, tensor in read_parameters(self.learner.modules).items():
            self._average[name].lerp_(tensor, 1.0 - decay)

    def _batch(self, drawn: list[tuple[UniformBuffer, int, int]], step: int) -> GraspBatch:
        views = max(1, self._config.num_views)
        is_fresh = self._config.num_views > 0
        rng = np.random.default_rng([derive_seed(self._seed, 5), step]) if is_fresh else None
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
