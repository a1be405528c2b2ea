"""A stop that the robot makes itself is named all the way: arm, driver, executor, ROS action."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros  # noqa: E402
from equigrasp_interfaces.action import (
    ExecuteGrasp,  # noqa: E402
    MoveHome,  # noqa: E402
)
from equigrasp_interfaces.msg import MotionResult  # noqa: E402
from graph import destroy, wait_for  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeArm, FakeGripper  # noqa: E402
from equigrasp.devices.motion import StopReason
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.drivers.arm_node import ArmNode  # noqa: E402
from equigrasp.ros.drivers.gripper_node import GripperNode  # noqa: E402
from equigrasp.ros.executor.executor_node import ExecutorNode  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.ros.runtime.fair_executor import FairExecutor  # noqa: E402

pytestmark = pytest.mark.ros
CODES = MotionResult


@dataclass
class Bench:
    """Driver nodes on fakes, the executor, and a client."""

    arm: FakeArm
    gripper: FakeGripper
    node: Any

    def grasp(self) -> Any:
        """Send a grasp; return its accepted goal."""
        goal = ExecuteGrasp.Goal(place_workspace="right")
        goal.grasp.workspace, goal.grasp.width = "left", 0.085
        goal.grasp.header.frame_id = names.BASE_FRAME
        p = goal.grasp.position
        p.x, p.y, p.z = 0.45, 0.21, 0.05
        return self._send(ExecuteGrasp, names.EXECUTE_GRASP, goal)

    def home(self) -> Any:
        return self._send(MoveHome, names.MOVE_HOME, MoveHome.Goal())

    def result(self, handle: Any) -> Any:
        return self._await(handle.get_result_async()).result

    def recover(self) -> bool:
        client = self.node.create_client(Trigger, "arm/recover")
        assert client.wait_for_service(5.0)
        return bool(self._await(client.call_async(Trigger.Request())).success)

    def _send(self, kind: Any, name: str, goal: Any) -> Any:
        client = ActionClient(self.node, kind, name)
        assert client.wait_for_server(10.0)
        handle = self._await(client.send_goal_async(goal))
        assert handle.accepted
        return handle

    def _await(self, future: Any) -> Any:
        wait_for(future.done, 30.0, "an answer")
        return future.result()


@pytest.fixture
def make() -> Iterator[Any]:
    """Return a function that starts the nodes with parameters."""
    executors: list[FairExecutor] = []
    nodes: list[Any] = []
    testers: list[Any] = []
    contexts: list[Any] = []

    def start(**parameters: object) -> Bench:
        context = ros(free_domain(), **parameters)
        context.__enter__()
        contexts.append(context)
        cell = load_config(CellConfig, "cells", "ur5")
        arm = FakeArm(cell.load_arm(), WallClock())
        gripper = FakeGripper(cell.load_gripper(), WallClock())
        tester = rclpy.create_node("tester")
        nodes.extend(
            [ArmNode(arm, cell), GripperNode(gripper, cell.load_gripper()), ExecutorNode()]
        )
        testers.append(tester)
        for node in [*nodes, tester]:
            executors.append(FairExecutor(4))
            executors[-1].add_node(node)
            threading.Thread(target=executors[-1].spin, daemon=True).start()
        for node in nodes:
            node.autostart()
        return Bench(arm, gripper, tester)

    yield start
    for node in reversed(nodes):
        node.end()
    for executor in executors:
        executor.shutdown(timeout_sec=1.0)
    for node in [*nodes, *testers]:
        destroy(node)
    for context in contexts:
        context.__exit__(None, None, None)


def test_a_protective_stop_is_named_until_the_arm_was_recovered(make: Any) -> None:
    bench = make()
    handle = bench.grasp()
    wait_for(lambda: bench.arm.motion_status().is_active, 20.0, "motion")
    bench.arm.trip(StopReason.PROTECTIVE_STOP)
    for result in (bench.result(handle), bench.result(bench.grasp())):
        assert result.motion.error_code == CODES.PROTECTIVE_STOP, result.motion.error_msg
        assert "PROTECTIVE_STOP" in result.motion.error_msg
    assert bench.recover()
    assert bench.result(bench.home()).motion.error_code == CODES.NONE
    bench.arm.trip(StopReason.EMERGENCY_STOP)
    assert bench.result(bench.grasp()).motion.error_code == CODES.EMERGENCY_STOP
    assert bench.recover()
    done = bench.result(bench.grasp())
    assert done.motion.error_code == CODES.NONE, done.motion.error_msg


def test_a_dry_run_ends_with_its_own_code(make: Any) -> None:
    bench = make(dry_run=True)
    result = bench.result(bench.grasp())
    assert result.motion.error_code == CODES.DRY_RUN, result.motion.error_msg
    assert bench.arm.num_commands == 0


def test_first_motion_is_given_its_time(make: Any) -> None:
    bench = make(speed_scale=0.2)
    bench.arm._positions[5] = 0.4
    result = bench.result(bench.home())
    assert result.motion.error_code == CODES.NONE, result.motion.error_msg


def test_fingers_that_did_not_close_at_all_are_no_success_and_the_second_time_blocked(
    make: Any,
) -> None:
    bench = make()
    bench.gripper.object_width = 0.085
    missed = bench.result(bench.grasp())
    assert missed.motion.error_code == CODES.NONE and not missed.is_success
    blocked = bench.result(bench.grasp())
    assert blocked.motion.error_code == CODES.GRIPPER_FAILED and not blocked.is_success
    assert "did not close from 0.0850 m" in blocked.motion.error_msg
    bench.gripper.object_width = 0.08
    held = bench.result(bench.grasp())
    assert held.motion.error_code == CODES.NONE and held.is_success, held.motion.error_msg
    bench.gripper.object_width = 0.085
    assert bench.result(bench.grasp()).motion.error_code == CODES.NONE  # the first in a row again
