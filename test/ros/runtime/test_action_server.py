"""Goals that have ended are forgotten."""

from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from control_msgs.action import FollowJointTrajectory  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.action import ActionServer as RclpyActionServer  # noqa: E402

from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.ros.runtime.action_server import ActionServer  # noqa: E402

pytestmark = pytest.mark.ros


def test_what_was_asked_for_goes_with_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result stays for a while: whoever asks late is told."""
    handles: list[Any] = []
    options: dict[str, Any] = {}
    make = RclpyActionServer.__init__

    def execute(handle: Any) -> FollowJointTrajectory.Result:
        handles.append(handle)
        handle.succeed()
        return FollowJointTrajectory.Result(error_code=7)

    def note(server: Any, *words: Any, **given: Any) -> None:
        options.update(given)
        make(server, *words, **given)

    monkeypatch.setattr(RclpyActionServer, "__init__", note)
    with ros(free_domain()):
        node, tester = rclpy.create_node("server"), rclpy.create_node("tester")
        ActionServer(node, FollowJointTrajectory, "follow", execute)
        client = ActionClient(tester, FollowJointTrajectory, "follow")
        with spinning(node, tester):
            wait_for(client.server_is_ready, 20.0, "the server")
            sent = client.send_goal_async(FollowJointTrajectory.Goal())
            wait_for(sent.done, 10.0, "the acceptance")
            wait_for(lambda: bool(handles) and handles[0].request is None, 10.0, "the end")
            result = sent.result().get_result_async()
            wait_for(result.done, 10.0, "the result")
            assert result.result().result.error_code == 7
    assert 20.0 <= options["result_timeout"] <= 120.0  # a restarted client asks within 20 s
