"""What grippers' actions speak: openings or knuckle angles, GripperCommand or ParallelGripperCommand."""

import dataclasses
import itertools
import math
from typing import Any

import pytest

pytest.importorskip("rclpy")

from control_msgs.action import GripperCommand, ParallelGripperCommand  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import active, ros  # noqa: E402
from graph import wait_for  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from equigrasp.devices.cell import GripperConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeGripper  # noqa: E402
from equigrasp.devices.motion import MotionState  # noqa: E402
from equigrasp.errors import CommandRejectedError, ConfigError  # noqa: E402
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.drivers.gripper_node import GripperNode  # noqa: E402
from equigrasp.ros.messages.gripper_commands import (  # noqa: E402
    FingerCommand,
    FingerReport,
    GripperAction,
)
from equigrasp.ros.remote.joint_state_feed import JointStateFeed  # noqa: E402
from equigrasp.ros.remote.remote_gripper import RemoteGripper  # noqa: E402
from equigrasp.ros.runtime.ros_clock import RosClock  # noqa: E402

pytestmark = pytest.mark.ros
WAYS = list(
    itertools.product(("gripper_command", "parallel_gripper_command"), ("opening", "joint"))
)


def of(config: GripperConfig, way: tuple[str, str]) -> GripperConfig:
    return dataclasses.replace(config, command=way[0], command_unit=way[1])


@pytest.mark.parametrize("linkage", ["four_bar", "prismatic"])
@pytest.mark.parametrize("way", WAYS)
def test_a_command_comes_back(
    gripper_config: GripperConfig, way: tuple[str, str], linkage: str
) -> None:
    action = GripperAction(dataclasses.replace(of(gripper_config, way), linkage=linkage))
    for width in (0.0, 0.031, 0.085):
        told = action.from_goal(action.to_goal(FingerCommand(width, 0.1, 40.0)))
        assert told.width == pytest.approx(width, abs=1e-9)
        assert told.force == pytest.approx(40.0)
        assert told.speed == (pytest.approx(0.1) if "parallel" in way[0] else 0.0)
        end = FingerReport(width, 40.0, True, False)
        back = action.from_result(action.to_result(end))
        assert (back.is_stalled, back.has_arrived) == (True, False)
        assert (back.width, back.force) == pytest.approx((width, 40.0), abs=1e-9)
    assert action.from_goal(action.to_goal(FingerCommand(0.03, 0.0, 0.0))).force == 0.0


def test_angles_are_those_of_the_knuckle(gripper_config: GripperConfig) -> None:
    command = FingerCommand(0.0, 0.1, 40.0)
    goal = GripperAction(of(gripper_config, WAYS[1])).to_goal(command)
    assert isinstance(goal, GripperCommand.Goal)
    assert goal.command.position == pytest.approx(0.8)  # closed
    assert goal.command.max_effort == 40.0  # N in GripperCommand, whatever the position is
    goal = GripperAction(of(gripper_config, WAYS[3])).to_goal(command)
    assert isinstance(goal, ParallelGripperCommand.Goal)
    assert list(goal.command.name) == [gripper_config.joint_name]
    assert goal.command.position[0] == pytest.approx(0.8)
    assert goal.command.velocity[0] > 0.0
    assert 40.0 * 0.05 < goal.command.effort[0] < 40.0 * 0.0577  # N·m: the knuckle's lever


@pytest.mark.parametrize(
    "command",
    [
        JointState(),
        JointState(name=["knee"], position=[0.1]),
        JointState(name=["robotiq_85_left_knuckle_joint"], position=[0.1, 0.2]),
        JointState(position=[0.9]),
        JointState(position=[math.nan]),
    ],
)
def test_a_goal_that_is_none_is_refused(
    gripper_config: GripperConfig, command: JointState
) -> None:
    action = GripperAction(of(gripper_config, WAYS[3]))
    with pytest.raises(CommandRejectedError):
        action.from_goal(ParallelGripperCommand.Goal(command=command))


def test_an_unknown_action_is_named(gripper_config: GripperConfig) -> None:
    with pytest.raises(ConfigError, match="command 'pinch' is not one of gripper_command, para"):
        of(gripper_config, ("pinch", "joint"))
    with pytest.raises(ConfigError, match="command_unit 'inch' is not one of opening, joint"):
        of(gripper_config, ("gripper_command", "inch"))


@pytest.mark.parametrize("way", WAYS)
def test_fingers_are_moved_through_the_action_of_their_driver(
    gripper_config: GripperConfig, way: tuple[str, str]
) -> None:
    """A driver on a fake gripper, and the executor's side before it."""
    config = of(gripper_config, way)
    fingers = HeededGripper(config, WallClock())
    with ros(free_domain(), default_force=35.0):
        node = GripperNode(fingers, config)
        action, told = GripperAction(config), []
        with active(node, action.type, names.GRIPPER_COMMAND, [], []) as client:
            feed = JointStateFeed(client._node)
            client._node.callbacks = node.callbacks
            remote = RemoteGripper(client._node, config, feed, RosClock(client._node))
            wait_for(lambda: remote.is_heard, 10.0, "joint states")

            def move(width: float, force: float) -> MotionState:
                remote.start_move(width, 0.15, force)
                wait_for(lambda: not remote.motion_status().is_active, 10.0, "the fingers")
                return remote.motion_status().state

            assert move(0.06, 60.0) is MotionState.SUCCEEDED
            fingers.object_width = 0.03
            assert move(0.0, 25.0) is MotionState.SUCCEEDED
            wait_for(lambda: remote.state().is_stalled, 5.0, "the grip")
            assert remote.state().width == pytest.approx(0.03, abs=1e-4)
            assert fingers.forces == pytest.approx([60.0, 25.0])
            goal = action.to_goal(FingerCommand(0.08, 0.0, 0.0))
            assert effort_of(action, client, goal, told) == pytest.approx(35.0)  # the default
            assert told and action.type.Feedback is type(told[-1].feedback)
            goal = action.to_goal(FingerCommand(0.08, 0.0, 300.0))  # beyond the gripper
            assert effort_of(action, client, goal, told) == 0.0 and len(fingers.forces) == 3
            feed.close()


class HeededGripper(FakeGripper):
    """Remembers the forces that it was allowed [N]."""

    def __init__(self, config: GripperConfig, clock: WallClock) -> None:
        super().__init__(config, clock)
        self.forces: list[float] = []

    def start_move(self, width: float, speed: float, force: float) -> None:
        super().start_move(width, speed, force)
        self.forces.append(force)


def effort_of(action: GripperAction, client: Any, goal: Any, told: list[Any]) -> float:
    """Send a goal; return the force that its result reports [N]."""
    sent = client.send_goal_async(goal, feedback_callback=told.append)
    wait_for(sent.done, 10.0, "the acceptance")
    ended = sent.result().get_result_async()
    wait_for(ended.done, 10.0, "the result")
    return action.from_result(ended.result().result).force
