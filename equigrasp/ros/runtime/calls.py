"""Bounded calls to services and actions from a thread that can be cancelled."""

import threading
import time
from collections.abc import Callable
from typing import Any

from equigrasp.errors import CancelledError, DeviceTimeoutError, NotConnectedError
from equigrasp.ros.runtime.awaited_result import AwaitedResult

_SERVER_TIMEOUT = 10.0  # [s, wall clock] for a server to appear
_CALL_TIMEOUT = 20.0  # [s, wall clock] for a service to answer …
_ASK_PERIOD = 5.0  # [s, wall clock] … asked again so often: a server started anew heard nothing
_GOAL_TIMEOUT = 120.0  # [s, wall clock] for an action to end
_CANCEL_TIMEOUT = 5.0  # [s, wall clock] for a cancelled action to end


class Caller:
    """Waits in short pieces, so that a cancel is noticed at once."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel

    def check(self) -> None:
        """Raise `CancelledError` if a cancel was asked for."""
        if self.cancel.is_set():
            raise CancelledError("The goal was cancelled.")

    def pause(self, duration: float) -> None:
        """Wait `duration` [s] of wall time, or raise `CancelledError` at once."""
        self.cancel.wait(duration)
        self.check()

    def call(
        self,
        client: Any,
        request: Any,
        timeout: float = _CALL_TIMEOUT,
        *,
        asks_again: bool = True,
    ) -> Any:
        """Call a service, and return its response.

        Args:
            client: Of the service.
            request: To it.
            timeout: Longest wait for an answer [s, wall clock]; the server must appear in it, too.
            asks_again: Whether it does no harm to call the service twice.

        Raises:
            DeviceTimeoutError: if none comes.
            CancelledError: if a cancel was asked for.
        """
        began, patience = time.monotonic(), min(timeout, _SERVER_TIMEOUT)
        self._wait_for(client.service_is_ready, f"service '{client.srv_name}'", patience)
        futures = [client.call_async(request)]
        asked = time.monotonic()

        def is_answered() -> bool:
            nonlocal asked
            if asks_again and time.monotonic() > asked + _ASK_PERIOD:
                asked = time.monotonic()
                futures.append(client.call_async(request))
            return any(future.done() for future in futures)

        try:
            self._wait(is_answered, timeout, f"Service '{client.srv_name}'", began)
            return next(future.result() for future in futures if future.done())
        finally:
            for future in futures:
                client.remove_pending_request(future)

    def send_goal(
        self, client: Any, goal: Any, on_feedback: Callable[[Any], None] | None = None
    ) -> "PendingGoal":
        """Send a goal and return it as soon as it is accepted.

        Raises:
            DeviceTimeoutError: if no server takes it.
        """
        name = client._action_name
        self._wait_for(client.server_is_ready, f"action '{name}'")
        future = client.send_goal_async(goal, feedback_callback=on_feedback)
        self._wait(future.done, _CALL_TIMEOUT, f"Action '{name}'")
        handle = future.result()
        if not handle.accepted:
            raise DeviceTimeoutError(f"Action '{name}' refused the goal: not active yet?")
        return PendingGoal(client, handle, self)

    def _wait_for(
        self, is_ready: Callable[[], bool], what: str, timeout: float = _SERVER_TIMEOUT
    ) -> None:
        self._wait(is_ready, timeout, f"No {what}: it")

    def _wait(
        self, is_done: Callable[[], bool], timeout: float, what: str, began: float | None = None
    ) -> None:
        deadline = (time.monotonic() if began is None else began) + timeout
        while not is_done():
            self.pause(0.002)
            if time.monotonic() > deadline:
                raise DeviceTimeoutError(f"{what} gave no answer within {timeout} s.")


class PendingGoal:
    """An accepted goal; cancelling the caller cancels it and waits for its end."""

    def __init__(self, client: Any, handle: Any, caller: Caller) -> None:
        self._handle = handle
        self._name = client._action_name
        self._caller = caller
        self._result = AwaitedResult(client, handle)
        self._deadline = time.monotonic() + _GOAL_TIMEOUT

    def is_done(self) -> bool:
        """Tell whether the result is there.

        Raises:
            CancelledError: if the caller was cancelled; the goal was cancelled too and has ended.
            NotConnectedError: if its server is gone, or was started anew.
            DeviceTimeoutError: if it takes too long.
        """
        if self._result.is_done:
            return True
        if self._caller.cancel.is_set():
            self._cancel()
            self._caller.check()
        if loss := self._result.loss():
            raise NotConnectedError(f"Action '{self._name}' has no result: {loss}.")
        if time.monotonic() > self._deadline:
            self._cancel()
            raise DeviceTimeoutError(f"Action '{self._name}' did not end in {_GOAL_TIMEOUT} s.")
        return False

    def result(self) -> Any:
        """Return the result message of a goal that is done."""
        return self._result.answer.result

    def _cancel(self) -> None:
        self._handle.cancel_goal_async()
        deadline = time.monotonic() + _CANCEL_TIMEOUT
        while not self._result.is_done and time.monotonic() < deadline:
            time.sleep(0.005)
