"""Buffers by name, drawn from by weight."""

from collections.abc import Mapping

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.replay.ring_buffer import RingBuffer, Transitions

ONLINE = "online"  # what the robots of this run do
OFFLINE = "offline"  # what was logged before it
TRAIN = "train"  # what has a label, see `LabelRing`


class NamedBuffers:
    """Some buffers of transitions, each with a capacity of its own.

    Args:
        buffers: By name.
    """

    def __init__(self, buffers: Mapping[str, RingBuffer]) -> None:
        self._buffers = dict(buffers)

    def __getitem__(self, name: str) -> RingBuffer:
        if name not in self._buffers:
            known = ", ".join(self._buffers)
            raise ReplayError(f"Unknown buffer '{name}'. Known buffers: {known}.")
        return self._buffers[name]

    @property
    def sizes(self) -> dict[str, int]:
        """Transitions in each that can be drawn."""
        return {name: len(buffer.numbers()) for name, buffer in self._buffers.items()}

    def shares(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return the share of the draws that each buffer gets; an empty one's goes to the others.

        Args:
            weights: By name of buffers; those that are not named get nothing.

        Raises:
            ReplayError: if a weight is negative, or there is nothing to draw.
        """
        for name, weight in weights.items():
            if not 0.0 <= weight < np.inf:
                raise ReplayError(f"The weight of '{name}' must be at least 0, found {weight}.")
        found = {k: w for k, w in weights.items() if w > 0.0 and len(self[k].numbers())}
        total = sum(found.values())
        if not found:
            raise ReplayError(
                f"Nothing to draw: {self.sizes} transitions, weights {dict(weights)}."
            )
        return {name: weight / total for name, weight in found.items()}

    def sample(
        self, count: int, weights: Mapping[str, float], rng: np.random.Generator
    ) -> dict[str, Transitions]:
        """Draw transitions: each draw first chooses a buffer by weight, then one of it uniformly.

        Args:
            count: How many in all.
            weights: See `shares`.
            rng: Source of randomness.

        Returns:
            What was drawn from each buffer; buffers of which nothing was drawn are left out.
        """
        shares = self.shares(weights)
        counts = rng.multinomial(count, list(shares.values()))
        return {
            name: self[name].sample(int(n), rng)
            for name, n in zip(shares, counts, strict=True)
            if n
        }
