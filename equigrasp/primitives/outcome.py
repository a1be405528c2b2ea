"""What a motion primitive reports."""

import enum
from dataclasses import dataclass, field

from equigrasp.geometry.actions import GripperStep


class Phase(enum.IntEnum):
    """Phases of a pick or a push; the numbers are those of Phase.msg."""

    PLANNING = 0
    PRE_GRASP = 1
    DESCEND = 2
    CLOSE = 3
    LIFT = 4
    VERIFY = 5
    PLACE = 6
    HOME = 7
    RETURN = 8  # after a miss or a push: as PLACE, with nothing to put down
    PUSH = 9
    SEGMENT = 10  # looking and choosing, between two actions on a target


@dataclass(frozen=True)
class GraspOutcome:
    """Result of a grasp that was carried out to its end.

    Args:
        is_success: Whether an object was held after the lift.
        is_object_held: Whether the fingers hold an object now.
        finger_width: Opening measured after the lift [m].
        duration: From the call to its end [s, robot clock].
        idle_time: Part of it in which neither arm nor fingers moved [s, robot clock].
        is_contact: Whether the descent was ended by a force on the TCP or a blocked arm.
        phase_times: Time at which each phase began, since the call [s, robot clock].
    """

    is_success: bool
    is_object_held: bool
    finger_width: float
    duration: float
    idle_time: float
    is_contact: bool = False
    phase_times: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PushOutcome:
    """Result of a push that was carried out to its end.

    Args:
        length: Way of the TCP along the stroke [m].
        is_contact: Whether the descent was ended by a force on the TCP or a blocked arm.
        is_blocked: Whether the stroke was ended by one.
        duration: From the call to its end [s, robot clock].
        idle_time: Part of it in which neither arm nor fingers moved [s, robot clock].
        phase_times: Time at which each phase began, since the call [s, robot clock].
    """

    length: float
    is_contact: bool
    is_blocked: bool
    duration: float
    idle_time: float
    phase_times: dict[str, float] = field(default_factory=dict)

    def as_grasp(self) -> GraspOutcome:
        """Return it in the terms of a grasp: nothing is held after a push."""
        return GraspOutcome(
            False, False, 0.0, self.duration, self.idle_time, self.is_contact, self.phase_times
        )


@dataclass(frozen=True)
class ServoOutcome:
    """Result of a step in closed loop.

    Args:
        asked: What was to be done.
        executed: What was done, as measured: shortened where a limit or something in the way demanded it.
        is_contact: Whether something pushed back or blocked the arm.
        duration: Of the step [s, robot clock].
        idle_time: Part of it in which neither arm nor fingers moved [s, robot clock].
    """

    asked: GripperStep
    executed: GripperStep
    is_contact: bool
    duration: float
    idle_time: float
