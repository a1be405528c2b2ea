"""Real-time priority, for what must keep a robot's rhythm."""

import contextlib
import os


def take_real_time_priority() -> bool:
    """Have the calling thread run before everything ordinary; what it starts later inherits that.

    All threads of a process should have it: one that holds Python's global lock and waits for its turn
    holds the others up. Linux allows it to root, and to users with an `rtprio` limit
    (docs/hardware/ur5.md).

    Returns:
        Whether the machine allows it.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (AttributeError, OSError):  # another system, or not permitted
        return False
    return True


def give_up_real_time_priority() -> None:
    """Be ordinary again, where the starter was not."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
