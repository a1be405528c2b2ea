"""The arm node in front of the UR5 driver and a virtual controller."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from action_msgs.msg import GoalStatus  # noqa: E402
from builtin_interfaces.msg import Duration  # noqa: E402
from control_msgs.action import FollowJointTrajectory  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from trajectory_msgs.msg import JointTrajectoryPoint  # noqa: E402
from virtual_ur5 import NEEDS_UR_RTDE, VirtualRobot, virtual_ur5  # noqa: E402

from equigrasp.devices.cell import ArmConfig  # noqa: E402
from equigrasp.hardware.ur.ur_arm import UrArm  # noqa: E402
from equigrasp.nodes import names, qos  # noqa: E402
from equigrasp.nodes.arm_node import ArmNode  # noqa: E402

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


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
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    rclpy.init(domain_id=80 + os.getpid() % 5)
    with virtual_ur5() as robot:
        node = ArmNode(UrArm(arm_config, robot.config))
        tester = rclpy.create_node("tester")
        executor = MultiThreadedExecutor(4)
        for each in (node, tester):
            executor.add_node(each)
        client = ActionClient(tester, FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY)
        bench = Bench(robot, client, [], [])
        tester.create_subscription(
            JointState, names.JOINT_STATES, bench.joint_states.append, qos.reliable()
        )
        tester.create_subscription(
            DiagnosticArray,
            names.DIAGNOSTICS,
            lambda message: bench.levels.append(message.status[0].level),
            qos.reliable(),
        )
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        node.autostart()
        wait_for(client.server_is_ready, 20.0, "the arm node's action")
        yield bench
        node.end()
        executor.shutdown(timeout_sec=1.0)
        thread.join(5.0)
        rclpy.try_shutdown()
    assert not thread.is_alive()


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
