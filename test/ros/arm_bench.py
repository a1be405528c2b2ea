"""An arm node on a fake arm, over DDS, and a client beside it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory
from domains import free_domain
from driver_node import active, ros
from graph import wait_for
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.clock import WallClock
from equigrasp.devices.fakes import FakeArm
from equigrasp.devices.motion import JointTrajectory
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.arm_node import ArmNode
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.messages.trajectories import to_trajectory_msg
from equigrasp.ros.runtime.action_client import ActionClient

CELL = load_config(CellConfig, "cells", "ur5")
Answer = tuple[int, FollowJointTrajectory.Result]


class StickyArm(FakeArm):
    """A fake arm that may stick: it is told to move on, and does not.

    Attributes:
        is_stuck: Whether it does.
    """

    is_stuck = False

    def _update(self) -> None:
        stuck = self._positions
        super()._update()
        if self.is_stuck:
            self._positions = stuck


@dataclass
class Bench:
    """An active arm node on a fake arm, and a client beside it."""

    arm: "StickyArm"
    client: ActionClient
    node: Node
    driver: ArmNode
    scalings: list[float] = field(default_factory=list)
    shown: list[JointTrajectoryMsg] = field(default_factory=list)

    def send(
        self,
        change: float,
        duration: float = 1.0,
        joint: int = 5,
        ahead: float | None = None,
        told: list[Any] | None = None,
        **options: object,
    ) -> Any:
        """Turn one joint by `change` [rad], from `ahead` [s] on or at once; return the accepted goal.

        Feedback goes to `told`; `options` are fields of the goal.
        """
        start = self.arm.joint_state().positions
        way = change * np.eye(6)[joint]
        trajectory = JointTrajectory(
            np.array([0.0, duration]), np.stack([start, start + way]), np.zeros((2, 6))
        )
        goal = FollowJointTrajectory.Goal(
            trajectory=to_trajectory_msg(trajectory, self.arm.joint_names), **options
        )
        if ahead is not None:
            goal.trajectory.header.stamp = to_time(self.arm._clock.stamp() + ahead)
        listener = None if told is None else told.append
        sent = self.client.send_goal_async(goal, feedback_callback=listener)
        handle = self._await(sent)
        assert handle.accepted
        return handle

    def result(self, handle: Any, timeout: float = 10.0) -> Answer:
        """Return status and result of a goal."""
        answer = self._await(handle.get_result_async(), timeout)
        return answer.status, answer.result

    def call(self, name: str) -> Trigger.Response:
        client = self.node.create_client(Trigger, name)
        assert client.wait_for_service(5.0)
        return self._await(client.call_async(Trigger.Request()))

    def set(self, name: str, value: Any) -> str:
        """Set a parameter; return why that was refused."""
        (answer,) = self.driver.set_parameters([Parameter(name, value=value)])
        return str(answer.reason)

    def turned(self) -> float:
        """Return how far the last joint is from home [rad]."""
        return float(self.arm.joint_state().positions[5])

    def _await(self, future: Any, timeout: float = 10.0) -> Any:
        wait_for(future.done, timeout, "an answer of the arm node")
        return future.result()


@contextlib.contextmanager
def make_bench(**parameters: object) -> Iterator[Bench]:
    with ros(free_domain(), **parameters):
        arm = StickyArm(CELL.load_arm(), WallClock())
        node = ArmNode(arm, CELL)
        states: list[JointState] = []
        action = FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY
        with active(node, *action, states, []) as client:
            bench = Bench(arm, client, client._node, node)
            bench.node.create_subscription(
                Float64,
                names.SPEED_SCALING,
                lambda m: bench.scalings.append(m.data),
                qos.reliable(),
            )
            bench.node.create_subscription(
                JointTrajectoryMsg, names.PLANNED_TRAJECTORY, bench.shown.append, qos.latched()
            )
            wait_for(lambda: bool(states and bench.scalings), 10.0, "joint states")
            yield bench
