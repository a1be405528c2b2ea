"""The robot's clock as a node has it."""

import threading
import time
from typing import NamedTuple

from rclpy.node import Node

from equigrasp.errors import DeviceTimeoutError

_TIMEOUT = 10.0  # [s] wall clock in which robot time must move on, on a busy machine too
_POLL = 0.02  # [s] wall clock between polls where nothing happens
_FASTEST = 20.0  # simulated seconds per second, beyond any simulation of ours …
_MOST_LATE = 30.0  # [s] … by which simulated time may come late and then all at once


class Moment(NamedTuple):
    """When something happened, by the wall clock and in robot time [s]."""

    wall: float
    robot: float


class RosClock:
    """Simulated time where the node uses it, else this machine's steady clock; stamps in ROS time.

    Robot time only ever goes on: when simulated time falls (the simulation was reset) or jumps ahead
    (somebody else tells a time), it goes on from where it was, so that no age is negative and no deadline
    far off. Notices when simulated time stands still. Who is in `pause` looks again as soon as `wake` tells of
    news: a joint state, a result, a cancel.
    """

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._simulated = self._robot = self.stamp()  # [s] as it is told, and without jumps
        self._looked, self._credit = time.monotonic(), _MOST_LATE
        self._last, self._last_change = self.now(), time.monotonic()

    @property
    def is_simulated(self) -> bool:
        """Whether time is that of a simulation."""
        return bool(self._clock.ros_time_is_active)

    def wake(self) -> None:
        """End the present `pause`; from any thread."""
        self._wake.set()

    def now(self) -> float:
        """Return the time since an arbitrary start [s]; nobody who sets a clock moves it."""
        if not self.is_simulated:
            return time.monotonic()
        with self._lock:
            simulated, wall = self.stamp(), time.monotonic()
            step, passed = simulated - self._simulated, wall - self._looked
            self._simulated, self._looked = simulated, wall
            self._credit = min(_MOST_LATE, self._credit + _FASTEST * passed)
            if 0.0 < step <= self._credit:
                self._credit -= step
                self._robot += step
            return self._robot

    def stamp(self) -> float:
        """Return ROS time [s]; jumps when the machine's clock is set."""
        return float(self._clock.now().nanoseconds * 1e-9)

    def moment(self) -> Moment:
        """Return the present."""
        return Moment(time.monotonic(), self.now())

    def since(self, moment: Moment) -> float:
        """Return how long ago a moment was [s], by the wall clock or in robot time: the shorter.

        For how long a robot may be silent. A simulation on a busy machine lags behind the wall clock,
        and is not silent while its time stands still (`pause` notices when it stays so); one that
        runs fast needs its time for messages all the same.
        """
        present = self.moment()
        return min(present.wall - moment.wall, present.robot - moment.robot)

    def pause(self) -> None:
        """Wait for news, for a short while at most.

        Raises:
            DeviceTimeoutError: if simulated time has not moved for a while: its source is gone.
        """
        self._wake.wait(_POLL)
        self._wake.clear()
        now = self.now()
        if now != self._last:
            self._last, self._last_change = now, time.monotonic()
        elif time.monotonic() - self._last_change > _TIMEOUT:
            self._last_change = time.monotonic()
            raise DeviceTimeoutError(
                f"Robot time stood still for {_TIMEOUT} s; is the simulation gone?"
            )
