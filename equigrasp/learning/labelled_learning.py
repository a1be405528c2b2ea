"""What a method offers to a fleet: learning from labels that Bellman updaters make apart from the learner."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from equigrasp.learning.bellman_updater import Modules, NextValues
from equigrasp.learning.interfaces import Learner
from equigrasp.replay.label_ring import LabelledBatch

C = TypeVar("C")


@dataclass(frozen=True)
class LabelSchedule:
    """How much is learned, and from what targets.

    Args:
        batch_size: Labels of a minibatch.
        average_decay: Of the averaged weights, the first target.
        lag: SGD steps by which the second target lags at least.
        uses_per_transition: Samples that each step of a robot calls for.
        first_transitions: Steps of robots before the first SGD step.
        num_scripted: Episodes by scripts at the beginning, of all robots together.
    """

    batch_size: int
    average_decay: float
    lag: int
    uses_per_transition: float
    first_transitions: int
    num_scripted: int = 0


@dataclass(frozen=True, eq=False)
class LabelledLearning(Generic[C]):
    """How a method learns from labels.

    Args:
        next_values: Returns what values the next observations of transitions; raises `ConfigError` for a
            configuration whose targets cannot be made apart from the learner.
        make_learner: Returns the learner of networks, which learns from labels.
        schedule: Returns how much is learned, as the configuration has it.
    """

    next_values: Callable[[C], NextValues]
    make_learner: Callable[[C, Modules], Learner[LabelledBatch]]
    schedule: Callable[[C], LabelSchedule]
