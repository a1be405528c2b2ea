"""One step of an episode, whatever a method observes and does, and what a method says of its own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from equigrasp.errors import ReplayError

Codec = Literal["raw", "zlib", "png"]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ArraySpec:
    """What an array of a step must be, and how it is kept on disk.

    Args:
        shape: Lengths of the axes; None: any length of at least 1.
        dtype: Name of the numpy type, little-endian on disk.
        codec: `raw`, `zlib` (level 1), or `png` for pictures: uint8 (H, W) or (H, W, 3), uint16 (H, W).
        unit: Of the values, as "m" or "0.1 mm"; for people.
        low: Smallest value.
        high: Largest value.
    """

    shape: tuple[int | None, ...]
    dtype: str
    codec: Codec = "raw"
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf

    def check(self, name: str, array: np.ndarray) -> None:
        """Raise `ReplayError`, which names array, value and what is valid, unless an array fits."""
        if array.dtype != np.dtype(self.dtype):
            raise ReplayError(f"'{name}' must be {self.dtype}, found {array.dtype}.")
        fits = len(array.shape) == len(self.shape) and all(
            found >= 1 if wanted is None else found == wanted
            for found, wanted in zip(array.shape, self.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in self.shape)
            raise ReplayError(f"'{name}' must have shape ({wanted}), found {array.shape}.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ReplayError(f"'{name}' holds values that are not finite.")
        low, high = (array.min(), array.max()) if array.size else (self.low, self.high)
        if low < self.low or high > self.high:
            worst = low if low < self.low else high
            raise ReplayError(f"'{name}' must be in [{self.low}, {self.high}], found {worst}.")


@dataclass(frozen=True, eq=False)
class Step:
    """One action and what came of it. The next observation is that of the next step of the episode.

    A single grasp (a contextual bandit) is an episode of one step with discount 0.

    Args:
        index: Number of the step in its log, from 0.
        episode: Number of its episode; the steps of an episode follow one another.
        observation: Named arrays that the policy saw.
        action: Named arrays: the action as the method encodes it.
        reward: Of this step.
        discount: What the value of the next observation counts for, in [0, 1]; 0: terminal.
        is_truncated: Whether the episode was cut off here: time ran out, or the robot was stopped.
    """

    index: int
    episode: int
    observation: Arrays
    action: Arrays
    reward: float
    discount: float = 0.0
    is_truncated: bool = False

    def __post_init__(self) -> None:
        if self.index < 0 or self.episode < 0:
            raise ReplayError(
                f"A step's index and episode count from 0, found {self.index} and {self.episode}."
            )
        if not math.isfinite(self.reward):
            raise ReplayError(f"Reward must be finite, found {self.reward}.")
        if not 0.0 <= self.discount <= 1.0:
            raise ReplayError(f"Discount must be in [0, 1], found {self.discount}.")

    @property
    def is_last(self) -> bool:
        """Whether the episode ends with this step."""
        return self.discount == 0.0 or self.is_truncated


@dataclass(frozen=True)
class ExperienceSpec:
    """What the steps of a method hold: every step is held against it before it is written down.

    Args:
        observation: By name.
        action: By name.
        reward_range: Smallest and largest reward.
        rewards: The rewards that there are; empty: any in the range.
    """

    observation: Mapping[str, ArraySpec]
    action: Mapping[str, ArraySpec]
    reward_range: tuple[float, float] = (0.0, 1.0)
    rewards: tuple[float, ...] = field(default=())

    def check(self, step: Step) -> None:
        """Raise `ReplayError` unless a step is what this says."""
        for what, specs, arrays in (
            ("observation", self.observation, step.observation),
            ("action", self.action, step.action),
        ):
            if set(specs) != set(arrays):
                raise ReplayError(
                    f"The {what} of a step must hold {', '.join(sorted(specs))}; "
                    f"found {', '.join(sorted(arrays)) or 'nothing'}."
                )
            for name, spec in specs.items():
                spec.check(f"{what}.{name}", arrays[name])
        low, high = self.reward_range
        if not low <= step.reward <= high or (self.rewards and step.reward not in self.rewards):
            valid = f"one of {self.rewards}" if self.rewards else f"in [{low}, {high}]"
            raise ReplayError(f"Reward must be {valid}, found {step.reward}.")

    def codec(self, group: str, name: str) -> Codec:
        """Return how an array of `observation` or `action` is kept on disk."""
        specs = self.observation if group == "observation" else self.action
        return specs[name].codec
