"""The buffer `train` of a fleet: takes labels in from updaters, and gives minibatches out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from equigrasp.experiments.fleet.message import pack_arrays, unpack_arrays
from equigrasp.experiments.fleet.parts import load_parts
from equigrasp.experiments.fleet.runtime import Peers
from equigrasp.replay.label_ring import LabelRing, batch_of
from equigrasp.replay.rate_limiter import RateLimiter
from equigrasp.replay.step import ExperienceSpec


class LabelShard:
    """The newest labels. They are lost with their process: updaters make new ones.

    Args:
        spec: What steps hold.
        capacity: Labels to keep.
        limiter: How often a label is used, which bounds how old it gets.
    """

    offers = frozenset({"wants_labels", "add", "draw"})

    def __init__(self, spec: ExperienceSpec, capacity: int, limiter: RateLimiter) -> None:
        self._ring, self._limiter = LabelRing(spec, capacity), limiter
        self._num_drawn, self._newest = 0, 0
        self._age = self._lag = float("nan")

    def wants_labels(self) -> bool:
        """Tell whether updaters better go on: those that are there have been used."""
        return self._limiter.may_insert(self._ring.num_added, self._num_drawn)

    def add(self, data: bytes) -> None:
        """Take in a labelled batch, see `LabelledBatch.rows`.

        Raises:
            ReplayError: if it does not fit; nothing is kept of it.
        """
        batch = batch_of(unpack_arrays(data))
        self._ring.add(batch)
        self._newest = max(self._newest, int(batch.labels.versions[:, 0].max()))
        self._lag = float(batch.labels.lags.mean())

    def draw(self, count: int, seed: int, step: int) -> bytes:
        """Return a minibatch; empty: wait for labels.

        Args:
            count: Labels in it.
            seed: Of the draw.
            step: SGD step that it is for, which the age of labels is told by.
        """
        if not self._limiter.may_sample(self._ring.num_added, self._num_drawn, count):
            return b""
        batch = self._ring.sample(count, np.random.default_rng(seed))
        self._num_drawn += count
        self._age = float((step - batch.labels.versions[:, 0]).mean())
        return pack_arrays(batch.rows())

    def turn(self) -> bool:
        """Do nothing: it only answers."""
        return False

    def report(self) -> dict[str, float]:
        """Return how many labels there are, and how old they were when they were used [SGD steps]."""
        return {
            "labels": self._ring.num_added,
            "kept": len(self._ring),
            "drawn": self._num_drawn,
            "label_age": self._age,
            "lag": self._lag,
            "targets": self._newest,
        }

    def close(self) -> None:
        """Do nothing."""


def make_labels(name: str, settings: Mapping[str, Any], peers: Peers) -> LabelShard:
    """Return the buffer; see `plan.make_cast` for its settings."""
    spec = load_parts(settings["parts"], settings["of_parts"]).spec
    return LabelShard(spec, settings["capacity"], RateLimiter(**settings["limiter"]))
