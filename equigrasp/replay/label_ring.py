"""The buffer `train`: transitions with their labels, and where each label comes from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.replay.array_ring import ArrayRing, Field, field_of
from equigrasp.replay.step import Arrays, ExperienceSpec

_OBSERVATION, _ACTION = "observation.", "action."


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of some transitions, in the order in which they were computed together; n is their number.

    Args:
        targets: What Q is to be, shape (n,), float32.
        numbers: Of the transitions in their buffer, shape (n,), int64.
        episodes: Of the transitions, shape (n,), int64.
        seeds: Of what was drawn for the label: one for all that were computed together, (n,), int64.
        versions: Of both target networks, first and second, shape (n, 2), int64.
        shards: Number of the shard that keeps the transition, shape (n,), int64.
        is_online: Whether the transition is of buffer `online`, shape (n,), bool.
    """

    targets: np.ndarray
    numbers: np.ndarray
    episodes: np.ndarray
    seeds: np.ndarray
    versions: np.ndarray
    shards: np.ndarray
    is_online: np.ndarray

    @property
    def lags(self) -> np.ndarray:
        """SGD steps between both target networks, shape (n,), int64."""
        return self.versions[:, 0] - self.versions[:, 1]


_LABELS = {
    "targets": Field((), "float32"),
    "numbers": Field((), "int64"),
    "episodes": Field((), "int64"),
    "seeds": Field((), "int64"),
    "versions": Field((2,), "int64"),
    "shards": Field((), "int64"),
    "is_online": Field((), "bool"),
}


@dataclass(frozen=True, eq=False)
class LabelledBatch:
    """Transitions with labels, without what only computing the label needed; n is their number.

    Args:
        observation: By name, each of shape (n, ...), as steps hold it.
        action: By name, each of shape (n, ...).
        labels: What Q is to be there, and where that comes from.
    """

    observation: Arrays
    action: Arrays
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels.targets)

    def rows(self) -> dict[str, np.ndarray]:
        """Return all arrays under flat names, which `batch_of` joins again."""
        rows = {_OBSERVATION + k: a for k, a in self.observation.items()}
        rows |= {_ACTION + k: a for k, a in self.action.items()}
        return rows | {name: getattr(self.labels, name) for name in _LABELS}


def batch_of(rows: Mapping[str, np.ndarray]) -> LabelledBatch:
    """Return the batch whose `rows` these are; raise `ReplayError` if labels are missing."""
    missing = sorted(set(_LABELS) - set(rows))
    if missing:
        raise ReplayError(f"A labelled batch holds {sorted(_LABELS)}; '{missing[0]}' is missing.")

    def part(prefix: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(prefix): a for k, a in rows.items() if k.startswith(prefix)}

    labels = Labels(**{name: rows[name] for name in _LABELS})
    return LabelledBatch(part(_OBSERVATION), part(_ACTION), labels)


class LabelRing:
    """The newest `capacity` labelled transitions, first in, first out.

    Args:
        spec: What the steps hold.
        capacity: Transitions to keep.
    """

    def __init__(self, spec: ExperienceSpec, capacity: int) -> None:
        fields = {_OBSERVATION + k: field_of(k, s) for k, s in spec.observation.items()}
        fields |= {_ACTION + k: field_of(k, s) for k, s in spec.action.items()}
        self._ring = ArrayRing(fields | _LABELS, capacity)

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def num_added(self) -> int:
        """Labels taken in so far, those that are gone included."""
        return self._ring.num_added

    def add(self, batch: LabelledBatch) -> None:
        """Take in labels.

        Raises:
            ReplayError: if one is not finite, or an array is not what the spec says; nothing is kept.
        """
        if not np.isfinite(batch.labels.targets).all():
            raise ReplayError("A label is not finite; nothing is learned from its batch.")
        self._ring.add(batch.rows())

    def sample(self, count: int, rng: np.random.Generator) -> LabelledBatch:
        """Draw labelled transitions, uniformly and with replacement.

        Raises:
            ReplayError: if there is none.
        """
        if not len(self):
            raise ReplayError("There are no labels yet.")
        return self.read(rng.integers(self._ring.oldest, self._ring.num_added, count))

    def read(self, numbers: np.ndarray) -> LabelledBatch:
        """Return labelled transitions by their places in the order in which they came, shape (n,)."""
        return batch_of(self._ring.read(numbers))
