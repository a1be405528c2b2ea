"""The arm node in front of the UR5 driver and a virtual controller."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus  # noqa: E402
from builtin_interfaces.msg import Duration  # noqa: E402
from control_msgs.action import FollowJointTrajectory  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import active, ros  # noqa: E402
from graph import wait_for  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from trajectory_msgs.msg import JointTrajectoryPoint  # noqa: E402
from virtual_ur5 import NEEDS_UR_RTDE, VirtualRobot, virtual_ur5  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import ArmConfig, CellConfig  # noqa: E402
from equigrasp.hardware.ur.ur_arm import UrArm  # noqa: E402
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.drivers.arm_node import ArmNode  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = [pytest.mark.ros, pytest.mark.real_time]


@dataclass
class Bench:
    """An active arm node and a client beside it."""

    robot: VirtualRobot
    client: ActionClient
    joint_states: list[JointState]
    levels: list[bytes]

    def turn(self, change: float) -> int:
        """Turn the first joint by `change` [rad] in 1 s; return how the goal ended."""
        goal = FollowJointTrajectory.Goal()
        start = self.joint_states[-1]
        goal.trajectory.joint_names = list(start.name)
        for sec in (0, 1):
            positions = list(start.position)
            positions[0] += change * sec
            goal.trajectory.points.append(
                JointTrajectoryPoint(
                    positions=positions,
                    velocities=[0.0] * len(positions),
                    time_from_start=Duration(sec=sec),
                )
            )
        accepted = self._await(self.client.send_goal_async(goal))
        return int(self._await(accepted.get_result_async()).status)

    def wait_for_joint_states(self) -> None:
        count = len(self.joint_states)
        wait_for(lambda: len(self.joint_states) > count + 1, 10.0, "joint states")

    def _await(self, future: Any) -> Any:
        wait_for(future.done, 10.0, "an answer of the arm node")
        return future.result()


@pytest.fixture
def bench(arm_config: ArmConfig) -> Iterator[Bench]:
    joint_states: list[JointState] = []
    levels: list[bytes] = []
    with ros(free_domain()), virtual_ur5() as robot:
        node = ArmNode(UrArm(arm_config, robot.config), load_config(CellConfig, "cells", "ur5"))
        action = FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY
        with active(node, *action, joint_states, levels) as client:
            yield Bench(robot, client, joint_states, levels)


def test_a_goal_moves_the_robot(bench: Bench) -> None:
    bench.wait_for_joint_states()
    before = bench.joint_states[-1].position[0]
    assert bench.turn(0.2) == GoalStatus.STATUS_SUCCEEDED
    moved = bench.robot.arm.joint_state().positions[0] - before
    assert moved == pytest.approx(0.2, abs=0.005)


def test_the_node_outlives_a_lost_link_and_tells_it(bench: Bench) -> None:
    bench.wait_for_joint_states()
    bench.robot.server.drop_link()
    wait_for(lambda: DiagnosticStatus.ERROR in bench.levels, 10.0, "an error on /diagnostics")
    assert bench.turn(0.1) == GoalStatus.STATUS_ABORTED
    bench.robot.server.restore_link()
    bench.wait_for_joint_states()
    assert bench.turn(0.1) == GoalStatus.STATUS_SUCCEEDED
    wait_for(lambda: bench.levels[-1] == DiagnosticStatus.OK, 5.0, "a good word")
