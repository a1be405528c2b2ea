"""What a policy acts in: a robot, or a simulated one, and what the protocol of an experiment does with it."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import GraspOutcome

A_contra = TypeVar("A_contra", contravariant=True)  # an action, taken in


@dataclass(frozen=True)
class StepResult:
    """What came of an action that was carried out.

    Args:
        reward: Of the action.
        outcome: What the primitive reports.
        discount: What the value of the next observation counts for, in [0, 1]; 0: terminal, as every
            single grasp is.
        is_truncated: Whether the episode was cut off here.
        is_disagreeing: Whether the simulator disagrees with the fingers about what is held.
        executed: The action that was carried out; None: the one that was asked for.
    """

    reward: float
    outcome: GraspOutcome
    discount: float = 0.0
    is_truncated: bool = False
    is_disagreeing: bool = False
    executed: Any = None

    @property
    def is_last(self) -> bool:
        """Whether the episode ends with this action."""
        return self.discount == 0.0 or self.is_truncated


class Environment(Protocol[A_contra]):
    """Where actions are carried out, one after the other."""

    @property
    def is_over(self) -> bool:
        """Whether nothing can be done before `reset`."""
        ...

    def observe(self) -> Observation:
        """Return what a policy sees now."""
        ...

    def step(self, action: A_contra) -> StepResult:
        """Carry out an action.

        Raises:
            PlanningError: if no motion was found; nothing moved.
            DeviceError: if a device refused or stopped.
        """
        ...

    def reset(self) -> None:
        """Begin anew: the next episode, or the other tray."""
        ...

    def recover(self) -> None:
        """Come back to where `observe` works, after an action that was refused or failed to end."""
        ...
