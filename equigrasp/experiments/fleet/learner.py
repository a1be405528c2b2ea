"""The learner of a fleet: minibatches of labels in, versions of the averaged weights out."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from equigrasp.experiments.fleet.message import unpack_arrays
from equigrasp.experiments.fleet.parts import load_parts
from equigrasp.experiments.fleet.runtime import Peers
from equigrasp.experiments.fleet.updater import LABELS
from equigrasp.experiments.fleet.weight_shelf import SHELF
from equigrasp.learning.checkpoint import load_checkpoint, save_checkpoint
from equigrasp.learning.interfaces import Learner
from equigrasp.learning.moving_average import MovingAverage
from equigrasp.learning.weight_store import WeightFile, WeightStore, read_parameters
from equigrasp.replay.label_ring import LabelledBatch, batch_of
from equigrasp.replay.rate_limiter import RateLimiter
from equigrasp.seeding import Stream, derive_seed

_LOGGER = logging.getLogger(__name__)
_LOOK_EVERY = 100  # waits between two looks whether the shelf has the weights


@dataclass(frozen=True)
class FleetLearnerConfig:
    """What the learner of a fleet goes by.

    Args:
        shards: Names of the replay shards, whose transitions are counted.
        batch_size: Labels in a minibatch.
        publish_every: SGD steps between two versions of the weights; each is a checkpoint too.
        num_versions: Versions that stay on disk.
        average_decay: See `MovingAverage`; the average is what is published.
        limiter: Balance between what robots do and what is learned; None: logs alone, without balance.
        max_steps: SGD steps of the run.
        seed: Of the run.
        method: Name of the method, for weight files; empty: they name none.
    """

    shards: tuple[str, ...]
    batch_size: int
    publish_every: int
    num_versions: int
    average_decay: float
    limiter: RateLimiter | None
    max_steps: int
    seed: int
    method: str = ""


class FleetLearner:
    """Takes SGD steps while balance and labels allow; goes on from its newest checkpoint.

    What is published is in a checkpoint first: a version is never written twice with other weights.

    Args:
        folder: Of checkpoints and weights.
        learner: Takes the steps; holds the first weights.
        config: How much is learned, and when.
        peers: Where labels, shards and the shelf are.
    """

    offers = frozenset[str]()

    def __init__(
        self,
        folder: Path,
        learner: Learner[LabelledBatch],
        config: FleetLearnerConfig,
        peers: Peers,
    ) -> None:
        self._learner, self._config, self._peers = learner, config, peers
        self._weights = WeightStore(folder / "weights", num_kept=config.num_versions)
        self._checkpoints = WeightStore(folder / "checkpoints", "checkpoint", num_kept=2)
        self._average = MovingAverage(read_parameters(learner.modules), config.average_decay)
        self._metrics: Mapping[str, float] = {}
        self.num_steps = self._num_waits = 0
        self._is_announced = False
        self._restore()

    def turn(self) -> bool:
        """Take an SGD step."""
        config = self._config
        if not self._is_announced or self._num_waits % _LOOK_EVERY == 0:
            self._announce()  # a shelf that was started again is empty
        if self.num_steps >= config.max_steps or not self._may_learn():
            self._num_waits += 1
            return False
        seed = derive_seed(config.seed, Stream.LABEL_DRAWS, self.num_steps)
        (data,) = self._peers.call(LABELS, "draw", config.batch_size, seed, self.num_steps)
        if not data:
            self._num_waits += 1
            return False
        losses = derive_seed(config.seed, Stream.LOSSES, self.num_steps)
        self._metrics = self._learner.train_step(batch_of(unpack_arrays(data)), losses)
        self.num_steps += 1
        self._average.follow(self._learner.modules, self.num_steps)
        if self.num_steps % config.publish_every == 0 or self.num_steps == config.max_steps:
            self._save()
            self._is_announced = False
        return True

    def report(self) -> dict[str, float]:
        """Return how far it is."""
        return {"steps": self.num_steps, "waits": self._num_waits, **self._metrics}

    def close(self) -> None:
        """Save a checkpoint, and publish what was learned."""
        if self.num_steps not in self._weights.versions():
            self._save()

    def _may_learn(self) -> bool:
        """Tell whether the balance allows a step, and tell the shards how far learning is."""
        limiter, size = self._config.limiter, self._config.batch_size
        counts = [self._peers.call(name, "counts") for name in self._config.shards]
        num_inserted, num_sampled = sum(count[0] for count in counts), self.num_steps * size
        for name in self._config.shards:
            self._peers.call(name, "learned", num_inserted, num_sampled)
        if limiter is None:
            return any(count[1] for count in counts)
        return limiter.may_sample(num_inserted, num_sampled, size)

    def _save(self) -> WeightFile:
        self._save_checkpoint()
        return self._publish()

    def _publish(self) -> WeightFile:
        facts = {"method": self._config.method} if self._config.method else {}
        return self._weights.save(self.num_steps, self._average.tensors, facts)

    def _save_checkpoint(self) -> None:
        save_checkpoint(
            self._checkpoints, self.num_steps, self._learner, self._average, self._config.seed
        )

    def _restore(self) -> None:
        step = load_checkpoint(self._checkpoints, self._learner, self._average, self._config.seed)
        if step is None:
            self._save()
            return
        self.num_steps = step
        is_due = step % self._config.publish_every == 0
        if is_due and step not in self._weights.versions():
            self._publish()
        _LOGGER.info("Continuing at step %d.", step)

    def _announce(self) -> None:
        """Bring the shelf what it lacks of what lies on disk."""
        (there,) = self._peers.call(SHELF, "versions")
        for version in self._weights.versions():
            if version not in there:
                self._peers.call(SHELF, "put", version, *self._weights.read_file(version))
        self._is_announced = True


def make_learner(name: str, settings: Mapping[str, Any], peers: Peers) -> FleetLearner:
    """Return the learner; see `plan.make_cast` for its settings."""
    torch.set_num_threads(1)
    parts = load_parts(settings["parts"], settings["of_parts"])
    limiter = settings["limiter"]
    config = FleetLearnerConfig(
        tuple(settings["shards"]),
        settings["batch_size"],
        settings["publish_every"],
        settings["num_versions"],
        settings["average_decay"],
        RateLimiter(**limiter) if limiter else None,
        settings["max_steps"],
        settings["seed"],
        parts.method,
    )
    learner = parts.make_learner(parts.make_networks())
    return FleetLearner(Path(settings["folder"]), learner, config, peers)
