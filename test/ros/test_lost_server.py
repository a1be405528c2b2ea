"""A client whose action server, in another process, is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from control_msgs.action import GripperCommand  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from equigrasp_interfaces.action import MoveHome  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.node import Node  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from equigrasp.devices.motion import MotionState, MotionStatus, StopReason
from equigrasp.errors import NotConnectedError  # noqa: E402
from equigrasp.ros.remote.remote_goal import RemoteGoal  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.ros.runtime.calls import Caller, PendingGoal  # noqa: E402
from equigrasp.ros.runtime.ros_clock import RosClock  # noqa: E402

pytestmark = pytest.mark.ros
BOUND = 6.0  # [s] from the moment when a restarted server is there again; tests share their cores

# Offers actions that take for ever, and a service that answers after DELAY [s].
SERVER = """
import os, signal, sys, threading, time, rclpy
from control_msgs.action import GripperCommand
from equigrasp_interfaces.action import MoveHome
from rclpy.action import ActionServer
from rclpy.callback_groups import ReentrantCallbackGroup
from equigrasp.ros.runtime.fair_executor import FairExecutor
from std_srvs.srv import Trigger
from rclpy.signals import SignalHandlerOptions
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
node, group, delay = rclpy.create_node("server"), ReentrantCallbackGroup(), float(sys.argv[1])

# No KeyboardInterrupt: one that comes while a pool starts a thread leaves the thread waiting for ever.
ended = threading.Event()
signal.signal(signal.SIGINT, lambda *_: ended.set())

def wait(handle):
    while True:
        time.sleep(60.0)

def answer(request, response):
    time.sleep(delay)
    response.message = str(delay)
    return response

kept = [ActionServer(node, t, n, wait, callback_group=group)
        for t, n in ((MoveHome, "move_home"), (GripperCommand, "gripper_cmd"))]
kept.append(node.create_service(Trigger, "ask", answer, callback_group=group))
executor = FairExecutor(4)
executor.add_node(node)
print("ready", flush=True)
while not ended.is_set():
    executor.spin_once(timeout_sec=0.1)
[each.destroy() for each in kept[:2]]
node.destroy_node()
time.sleep(0.5)  # the news is out
os._exit(0)  # goals that run have no result
"""


def _heed_ctrl_c() -> None:
    """Undo what a shell does to its background jobs: they ignore SIGINT, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server:
    """That script as a process."""

    def __init__(self, script: Path, delay: float = 0.0) -> None:
        environment = dict(os.environ)
        command = [sys.executable, "-W", "ignore", str(script), str(delay)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, preexec_fn=_heed_ctrl_c
        )
        assert self.process.stdout is not None and self.process.stdout.readline() == b"ready\n"

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(10.0)


@pytest.fixture
def node() -> Iterator[Node]:
    with ros(free_domain()):
        node = rclpy.create_node("client")
        with spinning(node):
            yield node


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers, and leave none behind."""
    script, servers = tmp_path / "server.py", []
    script.write_text(SERVER)

    def start(delay: float = 0.0) -> Server:
        servers.append(Server(script, delay))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def _end(pending: PendingGoal) -> str:
    """Watch a goal as the collector does; return why it ended."""
    try:
        wait_for(pending.is_done, 20.0, "the end of the goal")
    except NotConnectedError as error:
        return str(error)
    raise AssertionError("the goal has a result")


def test_goals_of_a_killed_server_are_given_up_when_it_is_there_again(
    node: Node, serve: Callable[..., Server], wall_clock: Any
) -> None:
    server = serve()
    callbacks = ReentrantCallbackGroup()
    caller = Caller(threading.Event())
    pending = caller.send_goal(
        ActionClient(node, MoveHome, "move_home", callback_group=callbacks), MoveHome.Goal()
    )
    fingers = ActionClient(node, GripperCommand, "gripper_cmd", callback_group=callbacks)
    assert fingers.wait_for_server(10.0)
    remote = RemoteGoal(
        fingers,
        GripperCommand.Goal(),
        lambda result, status: MotionStatus(MotionState.SUCCEEDED),
        RosClock(node),
    )
    deadline = time.monotonic() + 2.5  # longer than the questions' period
    while time.monotonic() < deadline:
        assert not pending.is_done() and remote.status().is_active
        time.sleep(0.01)
    server.kill()
    assert not pending.is_done()
    serve()
    with wall_clock.within(BOUND):
        message = _end(pending)
    assert "'move_home'" in message and "was restarted and does not know the goal" in message
    wait_for(lambda: not remote.status().is_active, BOUND, "the fingers' goal to be given up")
    assert remote.status().state is MotionState.FAULT
    assert remote.status().reason is StopReason.LINK_LOST


def test_a_server_that_ended_in_good_order_is_missed_within_seconds(
    node: Node, serve: Callable[..., Server], wall_clock: Any
) -> None:
    server = serve()
    pending = Caller(threading.Event()).send_goal(
        ActionClient(node, MoveHome, "move_home"), MoveHome.Goal()
    )
    server.kill(signal.SIGINT)
    with wall_clock.within(5.0):
        message = _end(pending)
    assert "its server is gone" in message


def test_a_service_that_died_with_the_request_is_asked_again(
    node: Node, serve: Callable[..., Server], wall_clock: Any
) -> None:
    server, answers = serve(delay=60.0), []
    client = node.create_client(Trigger, "ask", callback_group=ReentrantCallbackGroup())
    caller = Caller(threading.Event())
    thread = threading.Thread(
        target=lambda: answers.append(caller.call(client, Trigger.Request()).message)
    )
    thread.start()
    time.sleep(2.0)
    server.kill()
    serve()
    with wall_clock.within(10.0):
        thread.join(60.0)
    assert answers == ["0.0"]
