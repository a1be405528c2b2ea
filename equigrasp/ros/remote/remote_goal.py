"""A goal at an action server, seen from the client."""

import threading
from collections.abc import Callable
from typing import Any

from unique_identifier_msgs.msg import UUID

from equigrasp.devices.motion import MotionState, MotionStatus, StopReason
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.awaited_result import AwaitedResult
from equigrasp.ros.runtime.commanders import make_goal_id
from equigrasp.ros.runtime.ros_clock import RosClock

_ANSWER_TIMEOUT = 2.0  # [s] a controller answers a goal within this
_CANCEL_PERIOD = 0.5  # [s] between cancels of a goal that does not end: one may be lost
_REFUSED = (
    "the controller refused the goal; its log says why (is it active, are the joints its own?)"
)


class RemoteGoal:
    """Its state is kept up by callbacks.

    Args:
        client: Sends it.
        goal: What to do.
        on_result: Returns how it ended, by its result message and goal status.
        clock: Measures the wait for an answer, and is woken when there is news.
        before: Called with the goal's id before it is sent.
    """

    def __init__(
        self,
        client: ActionClient,
        goal: Any,
        on_result: Callable[[Any, int], MotionStatus],
        clock: RosClock,
        before: Callable[[UUID], None] = lambda goal_id: None,
    ) -> None:
        self._client = client
        self.goal_id = make_goal_id()
        self._on_result = on_result
        self._clock = clock
        self._handle: Any = None
        self._result: AwaitedResult | None = None
        self._is_cancelled = False
        self._cancelled = clock.moment()
        self._sent = self.ended = clock.moment()  # `ended`: when the result came
        self._lock = threading.Lock()
        self._status = MotionStatus(MotionState.MOVING)
        if not client.server_is_ready() and not client.wait_for_server(_ANSWER_TIMEOUT):
            self._status = MotionStatus(
                MotionState.FAULT, "no controller offers the action", StopReason.LINK_LOST
            )
            return
        before(self.goal_id)
        sent = client.send_goal_async(goal, goal_uuid=self.goal_id)
        sent.add_done_callback(self._answered)

    def status(self) -> MotionStatus:
        """Return what has become of it; to be asked all the time: a cancel is repeated here."""
        loss = "" if self._result is None else self._result.loss()
        with self._lock:
            if not self._status.is_active:
                return self._status
            if self._handle is None and self._clock.since(self._sent) > _ANSWER_TIMEOUT:
                loss = f"the controller gave no answer within {_ANSWER_TIMEOUT} s"
                self._client.cancel_unanswered_async(self.goal_id)  # it may be moving
            if loss:
                self._status = MotionStatus(MotionState.FAULT, loss, StopReason.LINK_LOST)
            elif self._is_cancelled and self._clock.since(self._cancelled) > _CANCEL_PERIOD:
                self._ask_to_stop()
            return self._status

    def cancel(self) -> None:
        """Ask the server to stop; at once, or as soon as it has accepted."""
        with self._lock:
            if not self._status.is_active or self._is_cancelled:
                return
            self._is_cancelled = True
            self._status = MotionStatus(MotionState.STOPPING)
            self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        self._cancelled = self._clock.moment()
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def _answered(self, future: Any) -> None:
        handle = future.result()
        with self._lock:
            if not handle.accepted:
                self._status = MotionStatus(MotionState.FAULT, _REFUSED, StopReason.REFUSED)
                self._clock.wake()
                return
            self._handle = handle
            if not self._status.is_active or self._is_cancelled:
                handle.cancel_goal_async()
        self._result = AwaitedResult(self._client, handle, self._finished)

    def _finished(self, answer: Any) -> None:
        status = self._on_result(answer.result, answer.status)
        with self._lock:
            if not self._status.is_active:
                return  # given up before the answer came
            is_ours = self._is_cancelled and status.state is not MotionState.SUCCEEDED
            self._status = MotionStatus(MotionState.STOPPED) if is_ours else status
            self.ended = self._clock.moment()
        self._clock.wake()
