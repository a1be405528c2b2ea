"""Nodes by themselves: lifecycle, parameters, namespaces."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402
from equigrasp_interfaces.action import ExecuteGrasp  # noqa: E402
from equigrasp_interfaces.msg import MotionResult  # noqa: E402
from graph import node_on, wait_for  # noqa: E402
from lifecycle_msgs.msg import State, Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from equigrasp.ros.messages.joints import from_joint_state_msg

pytestmark = pytest.mark.ros


class Bench:
    """A client node on a domain of its own, and the processes that it started."""

    def __init__(self, folder: Path, domain_id: int) -> None:
        self._folder = folder
        self._ending = contextlib.ExitStack()
        self.node = self._ending.enter_context(node_on(domain_id))
        self._processes: list[subprocess.Popen] = []
        self._executor = SingleThreadedExecutor(context=self.node.context)
        self._executor.add_node(self.node)

    def start(self, module: str, *ros_arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-W", "ignore", "-m", f"equigrasp.ros.{module}_node"]
        with (self._folder / f"{len(self._processes)}_{module}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--ros-args", *ros_arguments],
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def spin_until(self, is_true: Any, timeout: float, what: str) -> None:
        def spin() -> bool:
            self._executor.spin_once(timeout_sec=0.02)
            return bool(is_true())

        wait_for(spin, timeout, f"{what}\n{self.logs()}")

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        self.spin_until(client.service_is_ready, 60.0, f"service {name}")
        future = client.call_async(request)
        self.spin_until(future.done, 30.0, f"an answer of {name}")
        return future.result()

    def act(self, name: str, goal: ExecuteGrasp.Goal) -> MotionResult:
        client = ActionClient(self.node, ExecuteGrasp, name)
        self.spin_until(client.server_is_ready, 60.0, f"action {name}")
        sent = client.send_goal_async(goal)
        self.spin_until(sent.done, 20.0, "acceptance")
        result = sent.result().get_result_async()
        self.spin_until(result.done, 60.0, "a result")
        return result.result().result.motion

    def forget(self, process: subprocess.Popen) -> None:
        """Expect no orderly end of a process."""
        self._processes.remove(process)

    def logs(self) -> str:
        return "\n".join(p.read_text(errors="replace")[-500:] for p in self._folder.glob("*.log"))

    def close(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        codes = [process.wait(20.0) for process in self._processes]
        self._executor.shutdown(timeout_sec=1.0)
        self._ending.close()
        assert set(codes) <= {0}, f"exit codes {codes}: {self.logs()}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, domain_id=free_domain())
    yield made
    made.close()


def _goal() -> ExecuteGrasp.Goal:
    goal = ExecuteGrasp.Goal(place_workspace="right")
    goal.grasp.workspace, goal.grasp.width = "left", 0.085
    goal.grasp.header.frame_id = "base_link"
    position = goal.grasp.position
    position.x, position.y, position.z = 0.45, 0.21, 0.05
    return goal


def test_a_node_is_led_through_its_states_and_does_nothing_unless_active(bench: Bench) -> None:
    bench.start("executor.executor", "-p", "autostart:=false")

    def state() -> int:
        return bench.call(GetState, "executor/get_state", GetState.Request()).current_state.id

    def change(transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bench.call(ChangeState, "executor/change_state", request).success

    assert state() == State.PRIMARY_STATE_UNCONFIGURED
    assert change(Transition.TRANSITION_CONFIGURE) and state() == State.PRIMARY_STATE_INACTIVE
    refused = bench.act("execute_grasp", _goal())
    assert refused.error_code == MotionResult.NOT_ACTIVE, refused.error_msg
    assert change(Transition.TRANSITION_ACTIVATE) and state() == State.PRIMARY_STATE_ACTIVE
    without_arm = bench.act("execute_grasp", _goal())
    assert without_arm.error_code == MotionResult.ARM_FAILED
    assert "joint states of arm 'ur5'" in without_arm.error_msg
    assert change(Transition.TRANSITION_DEACTIVATE) and state() == State.PRIMARY_STATE_INACTIVE
    assert change(Transition.TRANSITION_CLEANUP) and state() == State.PRIMARY_STATE_UNCONFIGURED

    def offers() -> int:
        servers = bench.node.get_service_names_and_types_by_node("executor", "/")
        return sum(name == "/execute_grasp/_action/send_goal" for name, _ in servers)

    bench.spin_until(lambda: offers() == 0, 10.0, "the action to be withdrawn")
    assert change(Transition.TRANSITION_CONFIGURE) and change(Transition.TRANSITION_ACTIVATE)
    again = bench.act("execute_grasp", _goal())
    assert again.error_code == MotionResult.ARM_FAILED


def test_a_joint_state_without_positions_is_not_taken_for_zeros() -> None:
    names = ["elbow", "wrist"]
    whole = from_joint_state_msg(JointState(name=names, position=[1.0, 2.0]), ("wrist", "elbow"))
    assert whole is not None and whole.positions.tolist() == [2.0, 1.0]
    assert from_joint_state_msg(JointState(name=names), ("wrist",)) is None
    assert from_joint_state_msg(JointState(name=names, position=[1.0, 2.0]), ("knee",)) is None


@pytest.mark.parametrize("value", ["-1.0", "often"])
def test_a_parameter_outside_its_range_ends_the_node_with_one_line(
    bench: Bench, value: str
) -> None:
    process = bench.start("executor.executor", "-p", f"policy_timeout:={value}")
    assert process.wait(60.0) == 1
    log = bench.logs()
    assert "Parameter 'policy_timeout' of node 'executor' must be a float in [0.1, 120.0]" in log
    assert "Traceback" not in log
    bench.forget(process)


def test_two_robots_live_in_two_namespaces(bench: Bench) -> None:
    for robot in ("a", "b"):
        names = ("-r", f"__ns:=/{robot}", "-r", f"/clock:=/{robot}/clock")
        bench.start(
            "drivers.sim_bridge", *names, "-p", "num_objects:=0", "-p", "real_time_factor:=2.0"
        )
        bench.start("executor.executor", *names, "-p", "use_sim_time:=true")
    fastest = {"a": 0.0, "b": 0.0}
    heard: set[str] = set()

    def listen(robot: str) -> None:
        def note(message: JointState) -> None:
            if len(message.velocity) == 6:
                heard.add(robot)
                fastest[robot] = max(fastest[robot], float(np.abs(message.velocity).max()))

        bench.node.create_subscription(JointState, f"/{robot}/joint_states", note, 10)

    for robot in fastest:
        listen(robot)
    bench.spin_until(lambda: heard == {"a", "b"}, 60.0, "both robots")

    def is_ready(robot: str) -> bool:
        return (
            bench.call(
                GetState, f"/{robot}/executor/get_state", GetState.Request()
            ).current_state.id
            == State.PRIMARY_STATE_ACTIVE
        )

    wait_for(lambda: is_ready("a") and is_ready("b"), 60.0, "both executors")
    time.sleep(1.0)  # both have found their arms by then
    result = bench.act("/a/execute_grasp", _goal())
    assert result.error_code == 0, result.error_msg
    assert fastest["a"] > 0.3 and fastest["b"] < 0.02
    result = bench.act("/b/execute_grasp", _goal())
    assert result.error_code == 0, result.error_msg
    assert fastest["b"] > 0.3
