"""What a fleet is made of: what a method and its robots bring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from equigrasp.learning.bellman_updater import Modules, NextValues
from equigrasp.learning.interfaces import Learner
from equigrasp.registry import import_from
from equigrasp.replay.frames import Episode
from equigrasp.replay.label_ring import LabelledBatch
from equigrasp.replay.step import ExperienceSpec


class EpisodeSource(Protocol):
    """A robot, a simulated one, or recorded episodes."""

    def load(self, tensors: dict[str, torch.Tensor], version: int) -> None:
        """Take over weights between two episodes."""
        ...

    def run(self, number: int) -> Episode:
        """Return the episode of a number, from its first step to its last."""
        ...

    def close(self) -> None:
        """Let go of the robot."""
        ...


@dataclass(frozen=True, eq=False)
class FleetParts:
    """What a method and its robots bring.

    Args:
        spec: What steps hold.
        make_networks: Builds the networks with their first weights.
        next_values: Values the next observations of transitions.
        make_learner: Returns the learner of networks, which learns from labels.
        make_source: Returns the episodes of a collector, from the seed of the collector.
        method: Name of the method, which goes into weight files.
    """

    spec: ExperienceSpec
    make_networks: Callable[[], Modules]
    next_values: NextValues
    make_learner: Callable[[Modules], Learner[LabelledBatch]]
    make_source: Callable[[int], EpisodeSource]
    method: str = ""


def load_parts(place: str, settings: Mapping[str, Any]) -> FleetParts:
    """Return the parts that a function named as `module:function` makes of settings."""
    return import_from(place)(settings)
