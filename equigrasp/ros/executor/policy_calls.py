"""Asks the policy node, from a goal that may be cancelled meanwhile."""

import time
from threading import Event
from typing import Any

from equigrasp_interfaces.msg import MotionResult
from rclpy.client import Client

from equigrasp.errors import CancelledError
from equigrasp.ros.executor.goal_codes import PLAN_CODES, GoalError

_DISCOVERY_TIMEOUT = 5.0  # [s, wall clock] for a service to be found


class PolicyCall:
    """One service of the policy node.

    Args:
        client: Of the service.
        name: Of it.
        timeout: Longest wait for an answer [s, wall clock].
    """

    def __init__(self, client: Client, name: str, timeout: float) -> None:
        self._client, self._name, self._timeout = client, name, timeout

    def ask(self, request: Any, cancel: Event, *expected: int) -> Any:
        """Return the answer to a request.

        Args:
            request: Of the service.
            cancel: Ends the wait.
            expected: Error codes that are answers as good as others.

        Raises:
            GoalError: if none comes, or it is an error.
            CancelledError: if `cancel` was set.
        """
        self._await(cancel)
        answered = Event()
        future = self._client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        deadline = time.monotonic() + self._timeout
        while not answered.wait(0.01):
            if cancel.is_set():
                raise CancelledError(f"The goal was cancelled while '{self._name}' was asked.")
            if time.monotonic() > deadline:
                raise GoalError(
                    MotionResult.POLICY_FAILED,
                    f"'{self._name}' gave no answer within {self._timeout} s.",
                )
        response = future.result()
        if response.error_code and response.error_code not in expected:
            code = PLAN_CODES.get(response.error_code, MotionResult.POLICY_FAILED)
            raise GoalError(code, response.error_msg)
        return response

    def _await(self, cancel: Event) -> None:
        """Give the policy a while to be found: a goal may come before it."""
        deadline = time.monotonic() + _DISCOVERY_TIMEOUT
        while not self._client.service_is_ready():
            if time.monotonic() > deadline:
                raise GoalError(MotionResult.POLICY_FAILED, f"No node offers '{self._name}'.")
            if cancel.wait(0.02):
                raise CancelledError("The goal was cancelled while the policy was looked for.")
