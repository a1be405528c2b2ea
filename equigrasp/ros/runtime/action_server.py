"""rclpy's action server for nodes that run for days."""

from typing import Any

from rclpy.action import ActionServer as RclpyActionServer
from rclpy.action.server import ServerGoalHandle

from equigrasp.ros.runtime.rclpy_versions import ACTION_SERVER, holds

_RESULT_TIMEOUT = (
    60.0  # [s, the node's clock] for which the result of a goal that has ended can be had
)


class ActionServer(RclpyActionServer):
    """Forgets goals soon after their end.

    rclpy 7.1 keeps each for 900 s, with all that was asked for: a trajectory of 300 points takes 160 kB
    as Python objects. Here what was asked for goes with the end, and the result is kept for 60 s.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **({"result_timeout": _RESULT_TIMEOUT} | options))

    async def _execute_goal(self, execute_callback: Any, goal_handle: ServerGoalHandle) -> None:
        await super()._execute_goal(execute_callback, goal_handle)
        if holds(ACTION_SERVER):
            goal_handle._goal_request = None
