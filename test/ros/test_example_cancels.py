"""Examples that are interrupted cancel their goal: the arm does not go on."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from equigrasp_interfaces.action import PickObject, PushGrasp  # noqa: E402
from rclpy.action import CancelResponse  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402

from equigrasp.ros.runtime.action_server import ActionServer  # noqa: E402

pytestmark = pytest.mark.ros
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("example", "action", "name"),
    [("take_target.py", PushGrasp, "push_grasp"), ("pick_object.py", PickObject, "pick_object")],
)
def test_an_interrupted_example_cancels_its_goal(example: str, action: Any, name: str) -> None:
    is_running, is_cancelled = threading.Event(), threading.Event()

    def execute(handle: Any) -> Any:
        is_running.set()
        is_cancelled.wait(60.0)
        handle.abort()
        return action.Result()

    def cancel(handle: Any) -> CancelResponse:
        is_cancelled.set()
        return CancelResponse.ACCEPT

    with ros(free_domain()):
        node = rclpy.create_node("server")
        ActionServer(
            node,
            action,
            name,
            execute,
            cancel_callback=cancel,
            callback_group=ReentrantCallbackGroup(),
        )
        with spinning(node):
            process = subprocess.Popen([sys.executable, str(EXAMPLES / example)])
            try:
                assert is_running.wait(60.0)
                process.send_signal(signal.SIGINT)
                assert is_cancelled.wait(30.0)
                assert process.wait(60.0) != 0  # it says that it was interrupted
            finally:
                process.kill()
                is_cancelled.set()
