"""The gripper node in front of the real driver and a virtual 2F-85."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus  # noqa: E402
from control_msgs.action import GripperCommand  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import active, ros  # noqa: E402
from graph import wait_for  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig, GripperConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeGripper  # noqa: E402
from equigrasp.hardware.robotiq.gripper import RobotiqGripper  # noqa: E402
from equigrasp.hardware.robotiq.make import make_link  # noqa: E402
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.drivers.gripper_node import GripperNode  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq  # noqa: E402
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer  # noqa: E402

pytestmark = pytest.mark.ros


@dataclass
class Bench:
    """An active gripper node and a client beside it."""

    server: VirtualUrcapServer
    firmware: VirtualRobotiq
    fingers: FakeGripper
    client: ActionClient
    joint_states: list[JointState]
    levels: list[bytes]

    def command(self, width: float, force: float = 40.0) -> tuple[int, GripperCommand.Result]:
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = width, force
        accepted = self._await(self.client.send_goal_async(goal))
        answer = self._await(accepted.get_result_async())
        return answer.status, answer.result

    def _await(self, future: Any) -> Any:
        wait_for(future.done, 10.0, "an answer of the gripper node")
        return future.result()


@pytest.fixture
def bench(gripper_config: GripperConfig) -> Iterator[Bench]:
    fingers = FakeGripper(gripper_config, WallClock())
    fingers.connect()
    joint_states: list[JointState] = []
    levels: list[bytes] = []
    firmware = VirtualRobotiq(fingers)
    server = VirtualUrcapServer(firmware)
    with ros(free_domain()), server:
        config = server.driver_config()
        gripper = RobotiqGripper(gripper_config, config, make_link(config))
        node = GripperNode(gripper, load_config(CellConfig, "cells", "ur5").load_gripper())
        action = GripperCommand, names.GRIPPER_COMMAND
        with active(node, *action, joint_states, levels) as client:
            yield Bench(server, firmware, fingers, client, joint_states, levels)


def _news(messages: list[Any]) -> Callable[[], bool]:
    count = len(messages)
    return lambda: len(messages) > count + 1


def test_goals_reach_the_fingers_and_objects_are_told(bench: Bench) -> None:
    status, result = bench.command(0.085)
    assert (status, result.reached_goal) == (GoalStatus.STATUS_SUCCEEDED, True)
    bench.fingers.object_width = 0.04
    status, result = bench.command(0.0)
    assert (status, result.reached_goal, result.stalled) == (
        GoalStatus.STATUS_SUCCEEDED, False, True,
    )  # fmt: skip
    assert result.position == pytest.approx(0.04, abs=0.0005)


def test_the_node_outlives_a_lost_link_and_tells_it(bench: Bench) -> None:
    wait_for(_news(bench.joint_states), 5.0, "joint states")
    bench.server.unplug()
    status, _ = bench.command(0.085)
    assert status == GoalStatus.STATUS_ABORTED
    wait_for(lambda: DiagnosticStatus.ERROR in bench.levels, 5.0, "an error on /diagnostics")
    bench.server.plug()
    wait_for(_news(bench.joint_states), 5.0, "joint states after the link came back")
    status, result = bench.command(0.05)
    assert (status, result.reached_goal) == (GoalStatus.STATUS_SUCCEEDED, True)
    wait_for(lambda: bench.levels[-1] == DiagnosticStatus.OK, 5.0, "a good word")


@pytest.mark.parametrize(
    ("width", "force"),
    [(0.09, 40.0), (-0.01, 40.0), (float("nan"), 40.0), (0.04, 101.0), (0.04, float("inf"))],
)
def test_what_breaks_the_cells_limits_moves_nothing(
    bench: Bench, width: float, force: float
) -> None:
    """The cell allows 100 N; the gripper itself would take 235 N."""
    before = bench.fingers.num_commands
    status, _ = bench.command(width, force)
    assert status == GoalStatus.STATUS_ABORTED
    assert bench.fingers.num_commands == before


def test_fingers_that_cannot_open_are_not_told_as_a_grip(bench: Bench) -> None:
    status, _ = bench.command(0.0)
    assert status == GoalStatus.STATUS_SUCCEEDED
    bench.firmware.block()
    status, result = bench.command(0.085)
    assert status == GoalStatus.STATUS_ABORTED
    assert not result.stalled and not result.reached_goal
    bench.firmware.unblock()
    status, result = bench.command(0.05)
    assert (status, result.reached_goal) == (GoalStatus.STATUS_SUCCEEDED, True)
