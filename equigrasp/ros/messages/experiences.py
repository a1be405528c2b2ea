"""Between experience messages and steps."""

import math

from equigrasp_interfaces.msg import Experience

from equigrasp.errors import ReplayError
from equigrasp.replay.step import Step
from equigrasp.ros.messages.arrays import from_array_msgs

_TIMES = ("attempt_time", "idle_time", "decision_time")


def from_experience_msg(message: Experience) -> Step:
    """Return an attempt as a step; whether a run can learn from it, its `ExperienceSpec` says.

    Raises:
        ReplayError: if an array is not what it says, or a number is none.
    """
    for name in _TIMES:
        if not math.isfinite(getattr(message, name)):
            raise ReplayError(f"{name} is {getattr(message, name)}.")
    return Step(
        int(message.attempt),
        int(message.episode),
        from_array_msgs(message.observation),
        from_array_msgs(message.action),
        float(message.reward),
        float(message.discount),
        bool(message.is_truncated),
    )
