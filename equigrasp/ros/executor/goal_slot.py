"""One goal at a time; a newer goal takes the place of the running one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rclpy.action.server import ServerGoalHandle

_HANDOVER_TIMEOUT = 5.0  # [s] a stopped goal gives way within this
_CANCEL_TIMEOUT = 1.0  # [s] for an accepted cancel to reach the goal's state


class GoalSlot:
    """Rule: a new goal stops the running one, which ends PREEMPTED at rest; then it begins.

    Goals that wait are served newest first; the ones they overtake end PREEMPTED unstarted.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._newest = 0
        self._running: int | None = None
        self._running_id = b""
        self._cancels: dict[bytes, threading.Event] = {}

    @contextmanager
    def occupy(self, goal_handle: ServerGoalHandle) -> Iterator[threading.Event | None]:
        """Wait for the slot; yield the event that stops the goal, or None if it was overtaken."""
        cancel = self._event(goal_handle)
        with self._change:
            self._newest += 1
            number = self._newest
            for other in self._cancels.values():
                if other is not cancel:
                    other.set()
            self._change.notify_all()
            self._change.wait_for(
                lambda: self._running is None or number != self._newest, _HANDOVER_TIMEOUT
            )
            has_slot = self._running is None and number == self._newest
            if has_slot:
                self._running, self._running_id = number, bytes(goal_handle.goal_id.uuid)
        try:
            yield cancel if has_slot else None
        finally:
            with self._change:
                if has_slot:
                    self._running, self._running_id = None, b""
                self._cancels.pop(bytes(goal_handle.goal_id.uuid), None)
                self._change.notify_all()

    def cancel(self, goal_handle: ServerGoalHandle) -> bool:
        """Stop one goal, running or waiting; tell whether it is the running one."""
        self._event(goal_handle).set()
        with self._change:
            return bytes(goal_handle.goal_id.uuid) == self._running_id

    def cancel_all(self) -> None:
        """Stop every goal and wait, bounded, until all have ended."""
        with self._change:
            for event in self._cancels.values():
                event.set()
            self._change.wait_for(lambda: not self._cancels, _HANDOVER_TIMEOUT)

    def _event(self, goal_handle: ServerGoalHandle) -> threading.Event:
        with self._change:
            return self._cancels.setdefault(bytes(goal_handle.goal_id.uuid), threading.Event())


def was_cancelled(goal_handle: ServerGoalHandle, sleep: Callable[[float], None]) -> bool:
    """Tell whether the client cancelled a stopped goal, rather than a newer goal replacing it.

    The state follows the cancel callback by a moment, hence the short wait.
    """
    waited = 0.0
    while not goal_handle.is_cancel_requested and waited < _CANCEL_TIMEOUT:
        sleep(0.005)
        waited += 0.005
    return bool(goal_handle.is_cancel_requested)
