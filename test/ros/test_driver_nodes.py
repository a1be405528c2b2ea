"""Driver nodes as processes: they wait for their device, say so, and end at once when told to."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from control_msgs.action import GripperCommand  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from domains import free_domain  # noqa: E402
from graph import node_on, wait_for  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from virtual_robot import own_host  # noqa: E402

from equigrasp.devices.cell import GripperConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeGripper  # noqa: E402
from equigrasp.ros.bringup.launch_parts import describe  # noqa: E402
from equigrasp.ros.bringup.supervisor import ManagedProcess  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq  # noqa: E402
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer  # noqa: E402

pytestmark = pytest.mark.ros
HOST = own_host(3)
PORT = 63352


class Listener:
    """Hears /diagnostics; spins only while it waits."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self.node)
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)

    def wait(self, node: str, level: bytes, words: str, timeout: float = 40.0) -> None:
        """Wait for a status of a node and level that holds some words."""

        def has_come() -> bool:
            self._executor.spin_once(timeout_sec=0.1)
            status = self.statuses.get(f"{node}: status", DiagnosticStatus())
            return status.level == level and words in status.message

        wait_for(has_come, timeout, f"'{words}' of '{node}'")

    def clients(self, node: str) -> list[str]:
        """Return the services and actions that a node asks; none while the graph does not show it."""
        if (node, "/") not in self.node.get_node_names_and_namespaces():
            return []
        return [name for name, _ in self.node.get_client_names_and_types_by_node(node, "/")]

    def _hear(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = status


@pytest.fixture
def listener() -> Iterator[Listener]:
    with node_on(free_domain()) as node:
        yield Listener(node)


class Starter:
    """Starts single nodes of a mode, and leaves none behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[ManagedProcess] = []

    def __call__(self, name: str, mode: str, **arguments: str) -> ManagedProcess:
        nodes = {d.name: d for d in describe(mode, {"method": "asr:tiny", **arguments})}
        self.processes.append(ManagedProcess(nodes[name], self.folder))
        return self.processes[-1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path)
    yield starter
    for process in starter.processes:
        process.interrupt()
        process.wait()


def end(process: ManagedProcess) -> None:
    """End a process in good order."""
    process.process.send_signal(signal.SIGINT)
    assert process.wait() == 0


def test_a_gripper_that_comes_late_is_waited_for(
    listener: Listener, gripper_config: GripperConfig, start: Starter
) -> None:
    process = start("gripper", "ur5", gripper_host=HOST)
    listener.wait("gripper", DiagnosticStatus.ERROR, "No URCap server")
    client = ActionClient(listener.node, GripperCommand, "gripper_controller/gripper_cmd")
    assert not client.server_is_ready()  # an unconfigured node offers nothing
    fingers = FakeGripper(gripper_config, WallClock())
    fingers.connect()
    with VirtualUrcapServer(VirtualRobotiq(fingers), PORT, host=HOST):
        listener.wait("gripper", DiagnosticStatus.OK, "active")
        assert client.wait_for_server(10.0)
        end(process)
    assert "No URCap server" in (start.folder / "gripper.log").read_text()


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("arm", {"robot_ip": HOST}, "Check power, cable and address"),
        ("camera", {"camera_source": f"tcp://{HOST}:1"}, "No frame server"),
    ],
)
def test_a_node_that_waits_says_why_and_ends_at_once(
    listener: Listener,
    start: Starter,
    name: str,
    arguments: dict[str, str],
    words: str,
    wall_clock: Any,
) -> None:
    process = start(name, "ur5", **arguments)
    listener.wait(name, DiagnosticStatus.ERROR, words)
    with wall_clock.within(5.0):
        end(process)


def test_an_action_and_joint_states_are_found_under_a_vendors_names(
    listener: Listener, gripper_config: GripperConfig, start: Starter
) -> None:
    fingers = FakeGripper(gripper_config, WallClock())
    fingers.connect()
    with VirtualUrcapServer(VirtualRobotiq(fingers), PORT, host=HOST):
        arguments = {"gripper_driver": "robotiq_urcap", "gripper_host": HOST}
        process = start("gripper", "kuka", joint_states="/vendor/js", **arguments)
        listener.wait("gripper", DiagnosticStatus.OK, "active")
        # Diagnostics may arrive before the graph does.
        wait_for(lambda: listener.node.count_publishers("/vendor/js") == 1, 10.0, "/vendor/js")
        assert listener.node.count_publishers("/joint_states") == 0
        end(process)
    process = start("executor", "kuka", arm_action="/vendor/follow")
    listener.wait("executor", DiagnosticStatus.OK, "active")
    action = "/vendor/follow/_action/send_goal"
    wait_for(lambda: action in listener.clients("executor"), 10.0, action)
    topic = "/lbr/joint_states"
    wait_for(lambda: listener.node.count_subscribers(topic) == 1, 10.0, topic)
    end(process)
