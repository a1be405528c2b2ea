"""Real-time priority, for what must keep a robot's rhythm."""

import os


def take_real_time_priority() -> bool:
    """Have the calling thread, and those it starts, run before everything ordinary.

    Children get the ordinary priority back. Linux allows it to root, and to users with an `rtprio` limit
    (docs/hardware/ur5.md).

    Returns:
        Whether the machine allows it.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except (AttributeError, OSError):  # another system, or not permitted
        return False
    return True
