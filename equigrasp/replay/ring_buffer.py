"""Replay buffer of episodes: each step is kept once, transitions are views of two that follow one another."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.replay.array_ring import ArrayRing, Field, field_of
from equigrasp.replay.learnable import now_learnable
from equigrasp.replay.step import Arrays, ExperienceSpec, Step

_OBSERVATION, _ACTION = "observation.", "action."
_OWN = {
    "reward": Field((), "float64"),  # as the log has it
    "discount": Field((), "float64"),
    "episode": Field((), "int64"),
    "index": Field((), "int64"),
}


@dataclass(frozen=True, eq=False)
class Transitions:
    """Some transitions; n is their number.

    Args:
        numbers: Their places in the order in which their buffer took them in, shape (n,), int64.
        episodes: Numbers of their episodes, shape (n,), int64.
        indices: Numbers of their steps in the log, shape (n,), int64.
        observation: By name, each of shape (n, ...), as steps hold it.
        action: By name, each of shape (n, ...).
        rewards: Shape (n,), float64.
        discounts: What the value of the next observation counts for, shape (n,), float64; 0: terminal.
        next_observation: By name, each of shape (n, ...); where the discount is 0, the observation
            itself, whose value counts for nothing.
    """

    numbers: np.ndarray
    episodes: np.ndarray
    indices: np.ndarray
    observation: Arrays
    action: Arrays
    rewards: np.ndarray
    discounts: np.ndarray
    next_observation: Arrays

    def __len__(self) -> int:
        return len(self.numbers)


class RingBuffer:
    """The newest `capacity` steps, first in, first out.

    What can be learned from is as `now_learnable` says, where both steps are kept.

    Args:
        spec: What the steps hold; arrays that vary in size are refused.
        capacity: Steps to keep.
        folder: See `ArrayRing`.
    """

    def __init__(self, spec: ExperienceSpec, capacity: int, folder: Path | None = None) -> None:
        fields = {_OBSERVATION + k: field_of(k, s) for k, s in spec.observation.items()}
        fields |= {_ACTION + k: field_of(k, s) for k, s in spec.action.items()}
        self.spec = spec
        self._ring = ArrayRing(fields | _OWN, capacity, folder)
        self._has_target = np.zeros(capacity, bool)  # by row
        self._newest: Step | None = None  # of an episode that may go on
        self._known = (-1, -1, np.empty(0, np.int64))  # the last answer of `numbers`, and to what

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def capacity(self) -> int:
        """Steps that are kept at most."""
        return self._ring.capacity

    @property
    def num_added(self) -> int:
        """Steps taken in so far, those that are gone included."""
        return self._ring.num_added

    @property
    def oldest(self) -> int:
        """Number of the oldest step that is kept."""
        return self._ring.oldest

    @property
    def num_bytes(self) -> int:
        """Memory of what is kept [bytes]."""
        return self._ring.num_bytes + self._has_target.nbytes

    def add(self, step: Step) -> int:
        """Take in a step and return its number; those of an episode follow one another.

        Raises:
            ReplayError: if it is not what the spec says; nothing is kept of it.
        """
        self.spec.check(step)
        row: dict[str, np.ndarray] = {
            "reward": np.asarray(step.reward, np.float64),
            "discount": np.asarray(step.discount, np.float64),
            "episode": np.asarray(step.episode, np.int64),
            "index": np.asarray(step.index, np.int64),
        }
        row |= {_OBSERVATION + k: a for k, a in step.observation.items()}
        row |= {_ACTION + k: a for k, a in step.action.items()}
        is_next, stands_alone = now_learnable(self._newest, step)
        number = int(self._ring.add({k: a[None] for k, a in row.items()})[0])
        if is_next:
            self._has_target[(number - 1) % self.capacity] = True
        self._has_target[number % self.capacity] = stands_alone
        self._newest = step if self.capacity > 1 else None
        return number

    def add_episode(self, steps: Iterable[Step]) -> None:
        """Take in all steps of an episode: what came before is none of it, whatever its number."""
        self._newest = None
        for step in steps:
            self.add(step)

    def numbers(self, end: int | None = None) -> np.ndarray:
        """Return the numbers of the steps that can be learned from, oldest first, shape (n,).

        Args:
            end: Only what is known before the step of this number has come; None: all.
        """
        end = self.num_added if end is None else min(end, self.num_added)
        if self._known[:2] == (self.num_added, end):
            return self._known[2]
        held = np.arange(self.oldest, max(self.oldest, end))
        rows = held % self.capacity
        is_known = self._has_target[rows]
        if end < self.num_added and len(held):  # its successor came later
            is_known[-1] &= self._ring.read(held[-1:], ("discount",))["discount"][0] == 0.0
        self._known = (self.num_added, end, held[is_known])
        return self._known[2]

    def sample(self, count: int, rng: np.random.Generator, end: int | None = None) -> Transitions:
        """Draw transitions, uniformly and with replacement.

        Args:
            count: How many.
            rng: Source of randomness.
            end: See `numbers`.

        Raises:
            ReplayError: if there is none.
        """
        known = self.numbers(end)
        if not len(known):
            raise ReplayError(f"None of {len(self)} steps in the buffer can be learned from yet.")
        return self.read(known[rng.integers(0, len(known), count)])

    def read(self, numbers: np.ndarray) -> Transitions:
        """Return transitions by their numbers.

        Raises:
            ReplayError: if one is not in the buffer, or cannot be learned from.
        """
        rows = self._ring.read(numbers)
        lost = ~self._has_target[numbers % self.capacity]
        if lost.any():
            raise ReplayError(f"Nothing is known of what followed step {int(numbers[lost][0])}.")
        is_terminal = rows["discount"] == 0.0
        following = self._ring.read(
            np.where(is_terminal, numbers, numbers + 1), ("episode", *self._named(_OBSERVATION))
        )
        assert (following["episode"] == rows["episode"]).all(), "a transition joins two episodes"
        return Transitions(
            numbers,
            rows["episode"],
            rows["index"],
            _part(rows, _OBSERVATION),
            _part(rows, _ACTION),
            rows["reward"],
            rows["discount"],
            _part(following, _OBSERVATION),
        )

    def _named(self, prefix: str) -> tuple[str, ...]:
        names = self.spec.observation if prefix == _OBSERVATION else self.spec.action
        return tuple(prefix + name for name in names)


def _part(rows: Arrays, prefix: str) -> Arrays:
    return {k.removeprefix(prefix): a for k, a in rows.items() if k.startswith(prefix)}
