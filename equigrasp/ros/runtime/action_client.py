"""rclpy's action client for nodes that spin in several threads."""

import contextlib
import threading
from typing import Any

from rclpy.action import ActionClient as RclpyActionClient
from rclpy.action.client import ClientGoalHandle
from unique_identifier_msgs.msg import UUID

from equigrasp.ros.runtime.commanders import make_goal_id
from equigrasp.ros.runtime.rclpy_versions import ACTION_CLIENT, holds


class ActionClient(RclpyActionClient):
    """Never loses an answer.

    rclpy 7.1 sends a request first and enters it into its books afterwards: an answer that another
    thread takes in between is thrown away ("Ignoring unexpected goal response"), and the goal runs
    without anybody knowing. Here, answers wait until the request is in the books.

    Goals bear the mark of this process's graph (`commanders`).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._sending: contextlib.AbstractContextManager[object] = (
            threading.RLock() if holds(ACTION_CLIENT) else contextlib.nullcontext()
        )
        super().__init__(*arguments, **options)

    def send_goal_async(self, *arguments: Any, **options: Any) -> Any:
        """See rclpy."""
        options.setdefault("goal_uuid", make_goal_id())
        with self._sending:
            return super().send_goal_async(*arguments, **options)

    def cancel_unanswered_async(self, goal_id: UUID) -> Any:
        """Cancel a goal whose acceptance did not arrive; it may be running all the same."""
        accepted = self._action_type.Impl.SendGoalService.Response(accepted=True)
        return self._cancel_goal_async(ClientGoalHandle(self, goal_id, accepted))

    def _cancel_goal_async(self, goal_handle: ClientGoalHandle) -> Any:
        with self._sending:
            return super()._cancel_goal_async(goal_handle)

    def _get_result_async(self, goal_handle: ClientGoalHandle) -> Any:
        with self._sending:
            return super()._get_result_async(goal_handle)

    async def execute(self, taken_data: Any) -> None:
        """See rclpy."""
        with self._sending:
            pass
        await super().execute(taken_data)
