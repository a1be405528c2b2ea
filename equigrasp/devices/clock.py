"""The clock that motions wait on."""

import time
from typing import Protocol

_PAUSE = 0.004  # [s]


class Clock(Protocol):
    """Time of the robot: real time on hardware, simulated time in simulation.

    In a simulation that runs in the same process, `pause` steps the physics; this is what lets
    one grasp primitive run unchanged in-process, over ROS and on hardware.
    """

    def now(self) -> float:
        """Return the time since an arbitrary start [s]; steady, whoever sets the machine's clock."""
        ...

    def stamp(self) -> float:
        """Return the time by which devices stamp what they measure [s]; it may jump: no duration."""
        ...

    def pause(self) -> None:
        """Let a moment pass, or wait until a device has news, before looking at it again."""
        ...


class WallClock:
    """The steady clock of this machine; stamps are the time of day, as ROS counts it."""

    def now(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()

    def stamp(self) -> float:
        """Return seconds since 1970; jumps when the machine's clock is set."""
        return time.time()

    def pause(self) -> None:
        """Block for a moment."""
        time.sleep(_PAUSE)
