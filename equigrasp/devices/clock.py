"""The clock that motions wait on."""

import time
from typing import Protocol

_PAUSE = 0.004  # [s]


class Clock(Protocol):
    """Time of the robot: the wall clock on hardware, simulated time in simulation.

    In a simulation that runs in the same process, `pause` steps the physics; this is what lets
    one grasp primitive run unchanged in-process, over ROS and on hardware.
    """

    def now(self) -> float:
        """Return the time [s]; never runs backwards."""
        ...

    def pause(self) -> None:
        """Let a moment pass, or wait until a device has news, before looking at it again."""
        ...


class WallClock:
    """The steady clock of this machine."""

    def now(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()

    def pause(self) -> None:
        """Block for a moment."""
        time.sleep(_PAUSE)


class UnixClock(WallClock):
    """Time of day, as ROS and other machines count it: for stamps, not for durations."""

    def now(self) -> float:
        """Return seconds since 1970; jumps when the machine's clock is set."""
        return time.time()
