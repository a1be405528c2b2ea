"""Asks the policy node, from a goal that may be cancelled meanwhile."""

from threading import Event
from typing import Any

from equigrasp_interfaces.msg import MotionResult
from rclpy.client import Client

from equigrasp.errors import DeviceTimeoutError
from equigrasp.ros.executor.goal_codes import PLAN_CODES, GoalError
from equigrasp.ros.runtime.calls import Caller


class PolicyCall:
    """One service of the policy node.

    Args:
        client: Of the service.
        timeout: Longest wait for an answer [s, wall clock]; the service must be found in it, too.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._client, self._timeout = client, timeout

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
        caller = Caller(cancel)
        try:  # once: a second look would give the objects new numbers, a second choice a history
            response = caller.call(self._client, request, self._timeout, asks_again=False)
        except DeviceTimeoutError as error:
            raise GoalError(MotionResult.POLICY_FAILED, str(error)) from error
        if response.error_code and response.error_code not in expected:
            code = PLAN_CODES.get(response.error_code, MotionResult.POLICY_FAILED)
            raise GoalError(code, response.error_msg)
        return response
