"""When a trajectory begins: what the stamp in its header says."""

import time
from collections.abc import Callable

from builtin_interfaces.msg import Time

from equigrasp.errors import CommandRejectedError
from equigrasp.ros.messages.times import from_time

_LATENESS = 0.5  # [s] by which a start may lie in the past: a message takes its time
_LONGEST_WAIT = 60.0  # [s] by which it may lie in the future
_POLL = 0.005  # [s, wall clock]


class TooLateError(CommandRejectedError):
    """The trajectory was for a time that is over."""


class StartTime:
    """The start of one trajectory, by the node's clock.

    A stamp of 0 means now, as in ros2_control. A later one is waited for. A trajectory that should
    have begun is refused, whole or in part: one that is joined in its middle begins elsewhere than
    its sender meant.

    Args:
        stamp: Of the trajectory's header.
        duration: Of the trajectory at its own speed [s].
        now: Returns ROS time [s].

    Raises:
        TooLateError: if the start is over.
        CommandRejectedError: if it is no time, or too far in the future.
    """

    def __init__(self, stamp: Time, duration: float, now: Callable[[], float]) -> None:
        self._now = now
        self._start = 0.0
        self.was_awaited = False
        if not 0 <= stamp.nanosec < 10**9 or stamp.sec < 0:
            raise CommandRejectedError(
                f"The stamp of a trajectory must be a time, found {stamp.sec} s, {stamp.nanosec} ns."
            )
        start = from_time(stamp)
        if start == 0.0:
            return
        ahead = start - now()
        if ahead < -_LATENESS:
            ended = " and ended" if ahead + duration < 0.0 else ""
            raise TooLateError(
                f"The trajectory should have begun{ended} {-ahead:.1f} s ago, by its stamp; "
                "stamp 0 means now."
            )
        if ahead > _LONGEST_WAIT:
            raise CommandRejectedError(
                f"The trajectory begins in {ahead:.1f} s, by its stamp; at most "
                f"{_LONGEST_WAIT:.0f} s are waited."
            )
        self._start = start

    @property
    def is_waiting(self) -> bool:
        """Whether the time has not come yet."""
        return self._start > self._now()

    def wait(self, is_over: Callable[[], bool]) -> None:
        """Return when the time has come, or `is_over()`.

        Raises:
            TooLateError: if the clock was set, in either direction: nobody knows when the start is.
        """
        before = ahead = self._start - self._now()
        while ahead > 0.0 and not is_over():
            self.was_awaited = True
            time.sleep(_POLL)
            before, ahead = ahead, self._start - self._now()
            if ahead > before + _LATENESS or ahead < -_LATENESS:
                raise TooLateError(
                    f"The clock was set by {before - ahead:+.1f} s while the trajectory waited for its "
                    "time; nothing moved."
                )
