"""Labels for transitions, made apart from the learner, each of which can be computed again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from equigrasp.errors import ConfigError, WeightsError
from equigrasp.learning.clipped_double_q import bellman_labels
from equigrasp.learning.weight_store import fill_parameters
from equigrasp.replay.label_ring import LabelledBatch, Labels
from equigrasp.replay.ring_buffer import Transitions

Modules = dict[str, torch.nn.Module]


class NextValues(Protocol):
    """What a method says the next observations of transitions are worth."""

    def __call__(
        self,
        average: Modules,
        previous: Modules,
        transitions: Transitions,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return values, shape (n,), without gradient; all randomness comes from `generator`."""
        ...


class WeightSource(Protocol):
    """Where published versions of the averaged weights are."""

    def versions(self) -> list[int]:
        """Return the versions that can be had, oldest first; a version is a number of SGD steps."""
        ...

    def read(self, version: int) -> dict[str, torch.Tensor]:
        """Return the weights of a version; raise `WeightsError` if it is gone or damaged."""
        ...


@dataclass(frozen=True)
class TargetVersions:
    """Versions of both target networks.

    Args:
        average: Of the first, the newest (theta-bar-1).
        previous: Of the second, which lags behind (theta-bar-2).
    """

    average: int
    previous: int


def choose_versions(versions: Sequence[int], lag: int) -> TargetVersions | None:
    """Return which versions give targets: the newest, and the newest that is `lag` SGD steps older.

    So the lag is at least `lag`, and by less than the distance of two versions more, once one is that
    old; before, the oldest there is counts.

    Args:
        versions: What was published, oldest first; none: None is returned.
        lag: SGD steps.
    """
    if not versions:
        return None
    newest = versions[-1]
    old = [version for version in versions if newest - version >= lag]
    return TargetVersions(newest, old[-1] if old else versions[0])


class BellmanUpdater:
    """Labels transitions with r + discount V, by two published versions of the averaged weights.

    A label is a pure function of its batch of transitions, of both versions, and of a seed: all that
    `Labels` records (QT-Opt paper, section F.4).

    Args:
        make_networks: Builds the method's networks.
        values: The method's.
        source: Where published weights are.
        lag: See `choose_versions`; the paper's is about 6000 steps.

    Attributes:
        versions: Of the present targets; None: nothing was published yet.
    """

    def __init__(
        self,
        make_networks: Callable[[], Modules],
        values: NextValues,
        source: WeightSource,
        lag: int,
    ) -> None:
        if lag < 0:
            raise ConfigError(f"lag must be at least 0, found {lag}.")
        self._values, self._source, self._lag = values, source, lag
        self._average, self._previous = _frozen(make_networks()), _frozen(make_networks())
        self.versions: TargetVersions | None = None

    def refresh(self) -> bool:
        """Take over the newest targets; tell whether they are others than before."""
        chosen = choose_versions(self._source.versions(), self._lag)
        if chosen is None or chosen == self.versions:
            return False
        self.take(chosen)
        return True

    def take(self, versions: TargetVersions) -> None:
        """Take over targets of some versions, both or neither.

        Raises:
            WeightsError: if one is gone, damaged, or of other networks.
        """
        average = self._source.read(versions.average)
        previous = self._source.read(versions.previous)
        self.versions = None  # until both are in place
        fill_parameters(self._average, average, f"version {versions.average}")
        fill_parameters(self._previous, previous, f"version {versions.previous}")
        self.versions = versions

    def label(
        self, transitions: Transitions, seed: int, is_online: np.ndarray, shard: int = 0
    ) -> LabelledBatch:
        """Return transitions with their labels.

        Args:
            transitions: Of n.
            seed: Of the search for the best next actions, recorded with each label.
            is_online: Whether they come from this run's robots, shape (n,), bool.
            shard: Number of the shard that they come from.

        Raises:
            WeightsError: if nothing was published yet.
        """
        if self.versions is None:
            raise WeightsError("No weights were published yet: there are no targets to label by.")
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            values = self._values(self._average, self._previous, transitions, generator)
            targets = bellman_labels(
                torch.from_numpy(transitions.rewards).float(),
                torch.from_numpy(transitions.discounts).float(),
                values.detach().float().cpu(),
            )
        count = len(transitions)
        versions = [self.versions.average, self.versions.previous]
        labels = Labels(
            targets=targets.numpy(),
            numbers=transitions.numbers,
            episodes=transitions.episodes,
            seeds=np.full(count, seed, np.int64),
            versions=np.tile(np.array(versions, np.int64), (count, 1)),
            shards=np.full(count, shard, np.int64),
            is_online=is_online,
        )
        return LabelledBatch(transitions.observation, transitions.action, labels)


def _frozen(modules: Modules) -> Modules:
    return {name: module.eval().requires_grad_(False) for name, module in modules.items()}
