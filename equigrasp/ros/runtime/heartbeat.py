"""Signs of life of whoever commands a motion: FollowJointTrajectory itself has none.

Who has sent a goal repeats its id on a topic for as long as it watches over the motion. The driver stops
the arm when a goal that was watched over no longer is. A goal without any heartbeat, from a client that
knows nothing of this, is followed to its end, unless the driver demands heartbeats.
"""

import time

from rclpy.node import Node
from unique_identifier_msgs.msg import UUID

from equigrasp.devices.clock import Clock
from equigrasp.ros import names, qos
from equigrasp.ros.runtime.ros_clock import Moment

_PERIOD = 0.1  # [s] between heartbeats
_LONGEST_STEP = 0.2  # [s] of silence counted between two looks
_NUM_GOALS = 16  # remembered


class Heartbeat:
    """The commander's side."""

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(UUID, names.HEARTBEAT, qos.reliable())
        self._next = 0.0

    def beat(self, goal_id: UUID) -> None:
        """Tell that a goal is watched over; to be called at every look at the motion."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PERIOD
            self._publisher.publish(goal_id)

    def begin(self, goal_id: UUID) -> None:
        """Tell so at once; before the goal is sent."""
        self._next = 0.0
        self.beat(goal_id)


class Heartbeats:
    """The driver's side: how many heartbeats of each goal were heard."""

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def hear(self, message: UUID) -> None:
        """Take one in."""
        goal_id = bytes(message.uuid)
        self._counts[goal_id] = self._counts.pop(goal_id, 0) + 1
        while len(self._counts) > _NUM_GOALS:
            del self._counts[next(iter(self._counts))]

    def count(self, goal_id: bytes) -> int:
        """Return how many of a goal came so far."""
        return self._counts.get(goal_id, 0)


class CommanderWatch:
    """Tells whether the commander of one goal has fallen silent.

    Time in which this process itself did not run is not the commander's silence. In a simulation
    that lags behind the wall clock, silence is counted in robot time: the way that an arm may go
    unwatched stays the same.

    Args:
        heartbeats: What was heard.
        goal_id: The goal.
        timeout: Silence that is allowed [s].
        is_required: Whether a goal without any heartbeat counts as silent too.
        clock: The robot's.
    """

    def __init__(
        self,
        heartbeats: Heartbeats,
        goal_id: bytes,
        timeout: float,
        is_required: bool,
        clock: Clock,
    ) -> None:
        self._heartbeats = heartbeats
        self._goal_id = goal_id
        self._timeout = timeout
        self._is_required = is_required
        self._clock = clock
        self._count = 0
        self._silence = 0.0
        self._last = self._now()

    def is_silent(self) -> bool:
        """Answer; to be asked every few milliseconds."""
        now, count = self._now(), self._heartbeats.count(self._goal_id)
        wall, robot = now.wall - self._last.wall, now.robot - self._last.robot
        step = min(wall, robot if robot >= 0.0 else wall, _LONGEST_STEP)  # a clock may be set back
        self._last = now
        self._silence = self._silence + step if count == self._count else 0.0
        self._count = count
        return (count > 0 or self._is_required) and self._silence > self._timeout

    def _now(self) -> Moment:
        return Moment(time.monotonic(), self._clock.now())
