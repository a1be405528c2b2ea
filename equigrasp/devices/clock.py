"""The clock that motions wait on."""

import time
from typing import Protocol


class Clock(Protocol):
    """Time of the robot: the wall clock on hardware, simulated time in simulation.

    In a simulation that runs in the same process, `sleep` steps the physics; this is what lets
    one grasp primitive run unchanged in-process, over ROS and on hardware.
    """

    def now(self) -> float:
        """Return the time [s]; never runs backwards."""
        ...

    def sleep(self, duration: float) -> None:
        """Let `duration` [s] pass."""
        ...


class WallClock:
    """The steady clock of this machine."""

    def now(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, duration: float) -> None:
        """Block for `duration` [s]."""
        time.sleep(max(0.0, duration))
