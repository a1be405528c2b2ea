"""The executor in front of an iiwa's own driver, each in a process of its own, and a client."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from domains import free_domain
from equigrasp_interfaces.action import ExecuteGrasp, MoveHome
from equigrasp_interfaces.srv import GetObjects
from graph import node_on, wait_for
from rclpy.node import Node
from sensor_msgs.msg import JointState

from equigrasp.config import find_config, read_yaml
from equigrasp.primitives.outcome import Phase
from equigrasp.ros import names
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.message_guard import GuardedExecutor

_ACTION = f"/lbr/{names.FOLLOW_JOINT_TRAJECTORY}"
_JOINT_STATES = ["-r", "joint_states:=/lbr/joint_states"]
_UNDER_WAY = 0.2  # [rad/s]
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
    executor: "subprocess.Popen[bytes]"

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
            return bool(self.result(handle).motion.error_code == 0)

        wait_for(goes_home, 60.0, f"an active executor: {self.logs()}")

    def begin_grasp(self) -> Any:
        """Send a grasp, wait until the arm is on its way, and return the goal's handle."""
        phases: list[int] = []
        handle = self.send(
            ExecuteGrasp,
            names.EXECUTE_GRASP,
            self.grasp(0.5, 0.15, 0.3),
            lambda message: phases.append(int(message.feedback.phase.phase)),
        )
        wait_for(lambda: Phase.PRE_GRASP in phases, 30.0, f"the way to the grasp: {self.logs()}")
        wait_for(
            lambda: top_speed(self.joint_states[-5:]) > _UNDER_WAY,
            30.0,
            f"the arm to set off: {self.logs()}",
        )
        return handle

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


@contextmanager
def lbr_cell(folder: Path, executor_environment: dict[str, str]) -> Iterator[Cell]:
    """Yield the cell once it takes goals; its processes must end in order.

    Args:
        folder: For files.
        executor_environment: Added to the environment of the executor.
    """
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
    with node_on(free_domain()) as node:
        processes = [
            _start(folder, "driver", driver, {}),
            _start(folder, "executor", executor + _REMAPPED, executor_environment),
        ]
        joint_states: list[JointState] = []
        node.create_subscription(JointState, "/lbr/joint_states", joint_states.append, 50)
        spinner = GuardedExecutor(context=node.context)
        spinner.add_node(node)
        threading.Thread(target=spinner.spin, daemon=True).start()
        made = Cell(node, joint_states, folder, processes[1])
        try:
            made.wait_until_active()
            yield made
        finally:
            for process in processes[::-1]:
                process.send_signal(signal.SIGINT)
            codes = [process.wait(30.0) for process in processes[::-1]]
            spinner.shutdown(timeout_sec=1.0)
    assert codes == [0, 0], made.logs()


def _start(
    folder: Path, name: str, arguments: list[str], environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-W", "ignore", *arguments, "-p", f"cell:={folder}/cell.yaml"]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *_JOINT_STATES], env=os.environ | environment, stdout=log, stderr=log
        )


def _is_known(newest: list[JointState]) -> bool:
    return bool(newest) and len(newest[0].name) > 2 and bool(np.isfinite(newest[0].position).all())


def top_speed(states: list[JointState]) -> float:
    """Return the largest joint speed that states of the arm tell [rad/s]."""
    return max((max(map(abs, s.velocity)) for s in states if len(s.name) > 2), default=0.0)
