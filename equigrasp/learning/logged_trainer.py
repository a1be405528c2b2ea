"""A trainer whose weights are a pure function of the experience log, seed and configuration."""

import bisect
import logging
import time
from pathlib import Path
from typing import Generic, TypeVar

import torch

from equigrasp.errors import ReplayError, WeightsError
from equigrasp.learning.checkpoint import load_checkpoint, save_checkpoint
from equigrasp.learning.interfaces import BatchSource, Learner, StepReport, TargetLearner
from equigrasp.learning.method_config import TrainerConfig
from equigrasp.learning.moving_average import MovingAverage
from equigrasp.learning.weight_store import WeightFile, WeightStore, read_parameters
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import ExperienceSpec, Step
from equigrasp.replay.step_record import Extras
from equigrasp.seeding import Stream, derive_seed

_LOGGER = logging.getLogger(__name__)
_STEPS_DUE = "steps_due"  # in the log, where a learner may lag only so far
B = TypeVar("B")  # a minibatch


class LoggedTrainer(Generic[B]):
    """Writes steps to disk, then learns from them at a fixed number of SGD steps for each.

    SGD step s belongs to one logged step and draws only from those up to it, with randomness seeded
    by s alone. So it does not matter when steps arrive, how far the learner lags behind, or how often
    it is killed: the same log gives the same weights, bit for bit, on the same machine. A learner
    that may lag only so far (`max_lag`) writes into the log how many SGD steps each step has called
    for. What a step holds is the method's affair (`spec`, `batches`, `learner`).

    Args:
        folder: Run folder; continues what lies in it.
        method: Name of the method, which goes into weight files.
        spec: What the method's steps hold.
        learner: Takes the SGD steps; its modules already hold the weights to begin with.
        batches: Keeps the steps and draws minibatches; empty.
        config: How much is learned, and when.
        seed: Seed of the run.
        is_writing: Whether steps come by `add`; else another process writes them, and `follow`
            reads them.
    """

    def __init__(
        self,
        folder: Path,
        method: str,
        spec: ExperienceSpec,
        learner: Learner[B],
        batches: BatchSource[B],
        config: TrainerConfig,
        seed: int,
        is_writing: bool = True,
    ) -> None:
        torch.set_num_threads(config.num_threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        self.method = method
        self.learner = learner
        self.num_steps = 0
        self.num_successes = self.next_episode = self.new_episode = 0
        self._spec, self._batches = spec, batches
        self._config, self._seed = config, seed
        self._targets = learner.targets if isinstance(learner, TargetLearner) else None
        is_averaging = config.average_decay > 0.0 and self._targets is None
        self._average = MovingAverage(
            read_parameters(learner.modules) if is_averaging else {}, config.average_decay
        )
        self._steps_due: list[int] = []  # by the logged steps up to each
        self._weights = WeightStore(folder / "weights")
        self._checkpoints = WeightStore(folder / "checkpoints", "checkpoint", num_kept=2)
        self.log = ExperienceLog(folder / "experience.log", spec, is_writing)
        try:
            for step, extras in self.log:
                self._remember(step, extras)
            self._restore()
        except BaseException:
            self.log.close()  # another trainer may write to it
            raise

    @property
    def num_attempts(self) -> int:
        """See `Trainer.num_attempts`."""
        return len(self.log)

    @property
    def num_pending_steps(self) -> int:
        """See `Trainer.num_pending_steps`."""
        return max(0, self._num_due - self.num_steps)

    @property
    def num_learned_attempts(self) -> int:
        """See `Trainer.num_learned_attempts`."""
        return bisect.bisect_right(self._steps_due, self.num_steps)

    @property
    def num_bytes(self) -> int:
        """See `Trainer.num_bytes`."""
        return self._batches.num_bytes

    def add(self, step: Step, extras: Extras) -> bool:
        """See `Trainer.add`."""
        if step.index < self.num_attempts:
            return False
        if step.index > self.num_attempts:
            raise ReplayError(f"Step {step.index} came before step {self.num_attempts}.")
        if lag := self._config.max_lag:
            most = self.num_steps + lag * self._config.steps_per_attempt
            extras = extras | {_STEPS_DUE: max(self._num_due, min(self._next_due(), most))}
        self.log.append(step, extras)
        self._remember(step, extras)
        return True

    def follow(self) -> None:
        """See `Trainer.follow`."""
        for step, extras in self.log.read_on():
            self._remember(step, extras)

    def train_pending(self, max_steps: int) -> list[StepReport]:
        """See `Trainer.train_pending`."""
        return [self._step() for _ in range(min(max_steps, self.num_pending_steps))]

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the weights to act by: their moving average where the configuration says so."""
        if self._targets is not None:
            return self._targets.weights()
        average = {name: tensor.clone() for name, tensor in self._average.tensors.items()}
        return average or read_parameters(self.learner.modules)

    def publish(self) -> WeightFile:
        """See `Trainer.publish`."""
        return self._weights.save(self.num_steps, self.weights(), {"method": self.method})

    def save_checkpoint(self) -> None:
        """Write weights and optimiser state, whole or not at all."""
        save_checkpoint(self._checkpoints, self.num_steps, self.learner, self._average, self._seed)

    def close(self, *, is_sound: bool = True) -> None:
        """See `Trainer.close`."""
        try:
            if is_sound:
                self.save_checkpoint()
        except WeightsError as error:  # the log alone brings everything back
            _LOGGER.warning("No last checkpoint: %s", error)
        self.log.close()

    @property
    def _num_due(self) -> int:
        return self._steps_due[-1] if self._steps_due else self._config.offline_steps

    def _next_due(self) -> int:
        """Return how many SGD steps the log and one step more call for, if none is left out."""
        if len(self._steps_due) + 1 < self._config.first_training_attempt:
            return self._config.offline_steps
        return self._num_due + self._config.steps_per_attempt

    def _remember(self, step: Step, extras: Extras) -> None:
        self._steps_due.append(int(extras.get(_STEPS_DUE, self._next_due())))
        self._batches.add(step)
        self.next_episode = step.episode + int(step.is_last)
        self.new_episode = step.episode + 1
        self.num_successes += int(step.reward >= self._spec.reward_range[1])

    def _restore(self) -> None:
        step = load_checkpoint(
            self._checkpoints, self.learner, self._average, self._seed, self._check_due
        )
        if step is not None:
            self.num_steps = step
            _LOGGER.info("Continuing at step %d of %d.", step, self._num_due)

    def _check_due(self, step: int) -> None:
        if step > self._num_due:
            raise WeightsError(
                f"The checkpoint of step {step} is newer than the log, whose {self.num_attempts} attempts "
                f"call for {self._num_due} steps: the log was cut or deleted. Restore it, or have "
                f"`equigrasp repair {self._weights.folder.parent}` move aside what learned from more."
            )

    def _step(self) -> StepReport:
        began = time.perf_counter()
        number, attempt = self.num_steps, self.num_learned_attempts
        batch = self._batches.sample(attempt, number)
        losses = self.learner.train_step(batch, derive_seed(self._seed, Stream.LOSSES, number))
        self.num_steps += 1
        if self._average.tensors:
            self._average.follow(self.learner.modules, self.num_steps)
        if self.num_steps % self._config.checkpoint_every == 0:
            self.save_checkpoint()
        return StepReport(number, attempt, losses, time.perf_counter() - began)
