"""The executor in front of an iiwa's own driver: other names, other manners."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from equigrasp_interfaces.action import ExecuteGrasp, MoveHome  # noqa: E402
from equigrasp_interfaces.srv import GetObjects, SpawnObjects  # noqa: E402
from graph import wait_for  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from equigrasp.config import find_config, read_yaml  # noqa: E402
from equigrasp.primitives.outcome import Phase  # noqa: E402
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402

pytestmark = pytest.mark.ros

_ACTION = f"/lbr/{names.FOLLOW_JOINT_TRAJECTORY}"
_JOINT_STATES = ["-r", "joint_states:=/lbr/joint_states"]
_PARTS = ("send_goal", "cancel_goal", "get_result", "feedback", "status")
_REMAPPED = [  # ROS 2 remaps an action's topics and services, not its name
    argument
    for part in _PARTS
    for argument in (
        "-r",
        f"{names.FOLLOW_JOINT_TRAJECTORY}/_action/{part}:={_ACTION}/_action/{part}",
    )
]


@dataclass
class Cell:
    """A client beside the driver's process and the executor's."""

    node: Node
    joint_states: list[JointState]
    folder: Path

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        wait_for(client.service_is_ready, 60.0, f"service {name}: {self.logs()}")
        return self._await(client.call_async(request))

    def send(self, kind: Any, name: str, goal: Any, on_feedback: Any = None) -> Any:
        client = ActionClient(self.node, kind, name)
        wait_for(client.server_is_ready, 60.0, f"action {name}: {self.logs()}")
        return self._await(client.send_goal_async(goal, feedback_callback=on_feedback))

    def result(self, handle: Any) -> Any:
        return self._await(handle.get_result_async()).result

    def wait_until_active(self) -> None:
        """Wait for joint states of a robot that answers, and for an executor that takes goals."""
        wait_for(lambda: _is_known(self.joint_states[-1:]), 60.0, f"a robot: {self.logs()}")

        def goes_home() -> bool:
            handle = self.send(MoveHome, names.MOVE_HOME, MoveHome.Goal())
            return bool(self.result(handle).error_code == 0)

        wait_for(goes_home, 60.0, f"an active executor: {self.logs()}")

    def grasp(self, x: float, y: float, theta: float) -> ExecuteGrasp.Goal:
        goal = ExecuteGrasp.Goal(place_workspace="right")
        goal.grasp.workspace, goal.grasp.width, goal.grasp.theta = "left", 0.085, theta
        goal.grasp.header.frame_id = "base_link"
        goal.grasp.position.x, goal.grasp.position.y, goal.grasp.position.z = x, y, 0.012
        return goal

    def objects(self) -> list[Any]:
        poses = self.call(GetObjects, names.GET_OBJECTS, GetObjects.Request()).poses
        return [p.position for p in poses]

    def logs(self) -> str:
        return "\n".join(p.read_text(errors="replace")[-800:] for p in self.folder.glob("*.log"))

    def _await(self, future: Any) -> Any:
        wait_for(future.done, 90.0, f"an answer: {self.logs()}")
        return future.result()


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    folder, domain = tmp_path_factory.mktemp("lbr"), free_domain()
    environment = os.environ | {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    config = read_yaml(find_config("cells", "kuka")) | {"success_detection": "image_difference"}
    (folder / "cell.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    driver = [str(Path(__file__).parent / "lbr_driver.py"), "--ros-args", "-p", "num_objects:=0"]
    executor = [
        "-m",
        "equigrasp.ros.executor.executor_node",
        "--ros-args",
        "-p",
        "use_sim_time:=true",
    ]
    processes = []
    for name, arguments in (("driver", driver), ("executor", executor + _REMAPPED)):
        with (folder / f"{name}.log").open("wb") as log:
            command = [
                sys.executable,
                "-W",
                "ignore",
                *arguments,
                "-p",
                f"cell:={folder}/cell.yaml",
                *_JOINT_STATES,
            ]
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    node = Node("tester", context=context)
    joint_states: list[JointState] = []
    node.create_subscription(JointState, "/lbr/joint_states", joint_states.append, 50)
    spinner = SingleThreadedExecutor(context=context)
    spinner.add_node(node)
    thread = threading.Thread(target=spinner.spin, daemon=True)
    thread.start()
    made = Cell(node, joint_states, folder)
    try:
        made.wait_until_active()
        yield made
    finally:
        for process in processes[::-1]:
            process.send_signal(signal.SIGINT)
        codes = [process.wait(30.0) for process in processes[::-1]]
        spinner.shutdown(timeout_sec=1.0)
        rclpy.try_shutdown(context=context)
    assert codes == [0, 0], Cell(node, [], folder).logs()


def _is_known(newest: list[JointState]) -> bool:
    return bool(newest) and len(newest[0].name) > 2 and bool(np.isfinite(newest[0].position).all())


def _top_speed(states: list[JointState]) -> float:
    return max(max(map(abs, s.velocity)) for s in states if len(s.name) > 2)


def _is_placed(position: Any) -> bool:
    return bool(abs(position.y + 0.21) < 0.15)


def test_objects_are_picked_through_the_vendors_controller_and_missed_in_the_picture(
    cell: Cell,
) -> None:
    request = SpawnObjects.Request(workspace="left", num_objects=3, split="train", seed=2)
    assert cell.call(SpawnObjects, names.SPAWN_OBJECTS, request).error_code == 0
    results, placed = [], 0
    for attempt in range(6):
        inside = [p for p in cell.objects() if abs(p.x - 0.56) < 0.12 and abs(p.y - 0.21) < 0.12]
        if not inside:
            break
        target = max(inside, key=lambda p: p.z)
        goal = cell.grasp(target.x, target.y, attempt * np.pi / 3)
        results.append(cell.result(cell.send(ExecuteGrasp, names.EXECUTE_GRASP, goal)))
        assert results[-1].error_code == 0, results[-1].error_msg
        placed, before = sum(_is_placed(p) for p in cell.objects()), placed
        assert results[-1].is_success == (placed > before)
    assert any(r.is_success for r in results), cell.logs()


def test_a_cancel_ends_with_the_arm_at_rest_and_the_next_goal_is_taken(cell: Cell) -> None:
    phases: list[int] = []
    handle = cell.send(
        ExecuteGrasp,
        names.EXECUTE_GRASP,
        cell.grasp(0.5, 0.15, 0.3),
        lambda message: phases.append(int(message.feedback.phase)),
    )
    wait_for(lambda: Phase.PRE_GRASP in phases, 30.0, f"the arm to set off: {cell.logs()}")
    time.sleep(0.3)
    handle.cancel_goal_async()
    assert cell.result(handle).error_code == ExecuteGrasp.Result.CANCELLED
    time.sleep(0.1)
    heard = len(cell.joint_states)
    wait_for(lambda: len(cell.joint_states) > heard + 20, 20.0, "joint states")
    assert _top_speed(cell.joint_states[heard:]) < 0.1
    home = cell.result(cell.send(MoveHome, names.MOVE_HOME, MoveHome.Goal()))
    assert home.error_code == 0, home.error_msg


def test_a_silent_camera_is_told_and_nothing_moves(cell: Cell) -> None:
    def lead(transition: int) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        assert cell.call(ChangeState, "camera/change_state", request).success

    lead(Transition.TRANSITION_DEACTIVATE)
    time.sleep(0.5)
    heard = len(cell.joint_states)
    handle = cell.send(ExecuteGrasp, names.EXECUTE_GRASP, cell.grasp(0.5, 0.15, 0.3))
    result = cell.result(handle)
    assert result.error_code == ExecuteGrasp.Result.CAMERA_FAILED, result.error_msg
    assert not result.is_success and "No new message on 'depth/image_rect_raw'" in result.error_msg
    assert _top_speed(cell.joint_states[heard:]) < 0.05
    lead(Transition.TRANSITION_ACTIVATE)
