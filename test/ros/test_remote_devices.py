"""The executor's side of a controller that answers late."""

import math
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy")

from control_msgs.action import FollowJointTrajectory, GripperCommand  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.action import ActionServer, CancelResponse, GoalResponse  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.task import Future  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from equigrasp.devices.cell import ArmConfig, GripperConfig  # noqa: E402
from equigrasp.devices.motion import JointTrajectory, MotionState, MotionStatus, StopReason
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.ros import (
    names,  # noqa: E402
    qos,  # noqa: E402
)
from equigrasp.ros.messages.joints import from_joint_state_msg
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.remote.remote_arm import RemoteArm
from equigrasp.ros.remote.remote_gripper import RemoteGripper
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.ros.runtime.ros_clock import RosClock  # noqa: E402

pytestmark = pytest.mark.ros


class SlowController(Node):
    """Takes its time to accept a trajectory, and then follows it until it is cancelled."""

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        super().__init__("controller")
        self.callbacks = ReentrantCallbackGroup()
        self.delay, self.velocity, self.is_refusing = 0.0, 0.0, False
        self.told: float | None = 1.0  # share of the velocity that is told; None: none is
        self.ending: Callable[[object], FollowJointTrajectory.Result] | None = None
        self.is_cancelled = threading.Event()
        self._state = JointState(name=joint_names, position=[0.0] * len(joint_names))
        self._states = self.create_publisher(JointState, names.JOINT_STATES, qos.reliable())
        self.create_timer(0.02, self._publish, callback_group=self.callbacks)
        self._server = ActionServer(
            self,
            FollowJointTrajectory,
            names.FOLLOW_JOINT_TRAJECTORY,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=self.callbacks,
        )

    def _publish(self) -> None:
        self._state.header.stamp = self.get_clock().now().to_msg()
        count = len(self._state.name)
        self._state.position = [q + 0.02 * self.velocity for q in self._state.position]
        self._state.velocity = [] if self.told is None else [self.told * self.velocity] * count
        self._states.publish(self._state)

    def _accept(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        time.sleep(self.delay)
        return GoalResponse.REJECT if self.is_refusing else GoalResponse.ACCEPT

    def _execute(self, handle: object) -> FollowJointTrajectory.Result:
        if self.ending is not None:
            return self.ending(handle)
        wait_for(lambda: handle.is_cancel_requested, 20.0, "a cancel")
        self.is_cancelled.set()
        handle.canceled()
        return FollowJointTrajectory.Result()


@pytest.fixture
def controller(arm_config: ArmConfig) -> Iterator[SlowController]:
    with ros(free_domain()):
        node = SlowController(arm_config.joint_names)
        with spinning(node):
            yield node


@pytest.fixture
def arm(controller: SlowController, arm_config: ArmConfig) -> Iterator[RemoteArm]:
    feed = JointStateFeed(controller)
    arm = RemoteArm(
        controller, arm_config, feed, RosClock(controller), lambda positions: Transform.identity()
    )
    wait_for(lambda: arm.is_heard, 10.0, "joint states")
    yield arm
    feed.close()


def _trajectory(arm: RemoteArm) -> JointTrajectory:
    count = len(arm.joint_names)
    still = np.zeros((2, count))
    return JointTrajectory(np.array([0.0, 8.0]), still, still.copy())


def test_a_trajectory_that_is_accepted_too_late_does_not_run_on(
    controller: SlowController, arm: RemoteArm
) -> None:
    controller.delay = 3.0
    arm.start_trajectory(_trajectory(arm))
    wait_for(lambda: not arm.motion_status().is_active, 10.0, "the arm to give up")
    assert arm.motion_status().state is MotionState.FAULT
    assert "no answer within" in arm.motion_status().message
    assert controller.is_cancelled.wait(10.0)
    time.sleep(0.2)
    assert arm.motion_status().state is MotionState.FAULT


def test_a_trajectory_whose_acceptance_was_lost_is_cancelled(
    controller: SlowController, arm: RemoteArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = ActionClient.execute

    async def lose_acceptance(self: ActionClient, taken: dict) -> None:
        taken.pop("goal", None)
        await execute(self, taken)

    monkeypatch.setattr(ActionClient, "execute", lose_acceptance)
    arm.start_trajectory(_trajectory(arm))
    wait_for(lambda: not arm.motion_status().is_active, 10.0, "the arm to give up")
    assert controller.is_cancelled.wait(10.0)


def test_a_cancel_that_is_lost_is_repeated(
    controller: SlowController, arm: RemoteArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, asked = ActionClient._cancel_goal_async, []

    def lose_the_first(self: ActionClient, goal_handle: object) -> object:
        asked.append(goal_handle)
        return Future() if len(asked) == 1 else cancel(self, goal_handle)

    monkeypatch.setattr(ActionClient, "_cancel_goal_async", lose_the_first)
    arm.start_trajectory(_trajectory(arm))
    wait_for(lambda: arm._goal._handle is not None, 10.0, "the acceptance")
    arm.stop()
    wait_for(lambda: not arm.motion_status().is_active, 10.0, "the arm to have stopped")
    assert controller.is_cancelled.is_set() and len(asked) >= 2
    assert arm.motion_status().state is MotionState.STOPPED


def test_an_answer_waits_until_its_request_is_in_the_books(controller: SlowController) -> None:
    client = ActionClient(controller, FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY)
    assert client.wait_for_server(10.0)
    send_request = client._client_handle.send_goal_request

    class Slow:
        """The client's handle, which gives answers time to come before it returns."""

        def __getattr__(self, name: str) -> object:
            return getattr(handle, name)

        def send_goal_request(self, request: object) -> int:
            number = send_request(request)
            time.sleep(0.5)
            return number

    handle, client._client_handle = client._client_handle, Slow()
    sent = client.send_goal_async(FollowJointTrajectory.Goal())
    client._client_handle = handle
    wait_for(sent.done, 5.0, "the acceptance")
    assert sent.result().accepted
    sent.result().cancel_goal_async()
    assert controller.is_cancelled.wait(10.0)


def _succeed(handle: object) -> FollowJointTrajectory.Result:
    handle.succeed()
    return FollowJointTrajectory.Result(error_string="Goal successfully reached!")


def _miss(handle: object) -> FollowJointTrajectory.Result:
    handle.abort()
    return FollowJointTrajectory.Result(error_code=-5, error_string="0.2 s late")


def _end(
    controller: SlowController, arm: RemoteArm, ending: object, target: float
) -> MotionStatus:
    controller.ending = ending
    trajectory = _trajectory(arm)
    trajectory.positions[-1] += target
    arm.start_trajectory(trajectory)
    wait_for(lambda: not arm.motion_status().is_active, 10.0, "the motion to end")
    return arm.motion_status()


def test_a_success_that_explains_itself_is_one(controller: SlowController, arm: RemoteArm) -> None:
    assert _end(controller, arm, _succeed, 0.0) == MotionStatus(MotionState.SUCCEEDED)


def test_a_success_is_none_while_the_joints_are_elsewhere(
    controller: SlowController, arm: RemoteArm
) -> None:
    status = _end(controller, arm, _succeed, 0.3)
    assert status.state is MotionState.FAULT
    assert "ended 0.300 rad from its goal" in status.message


def test_a_violated_tolerance_is_named(controller: SlowController, arm: RemoteArm) -> None:
    status = _end(controller, arm, _miss, 0.0)
    message = "GOAL_TOLERANCE_VIOLATED: 0.2 s late"
    assert status == MotionStatus(MotionState.FAULT, message, StopReason.BLOCKED)


def test_a_refused_goal_says_where_the_reason_is(
    controller: SlowController, arm: RemoteArm
) -> None:
    controller.is_refusing = True
    status = _end(controller, arm, _succeed, 0.0)
    assert status.state is MotionState.FAULT and "its log says why" in status.message


def test_somebody_elses_cancel_is_no_success(controller: SlowController, arm: RemoteArm) -> None:
    arm.start_trajectory(_trajectory(arm))
    wait_for(lambda: arm._goal._handle is not None, 5.0, "the acceptance")
    arm._goal._handle.cancel_goal_async()
    wait_for(lambda: not arm.motion_status().is_active, 10.0, "the motion to end")
    assert arm.motion_status().state is MotionState.STOPPED


@pytest.mark.parametrize("told", [1.0, None, math.nan, 0.0])
def test_a_cancelled_arm_counts_as_braking_until_the_joints_rest(
    controller: SlowController, arm: RemoteArm, told: float | None
) -> None:
    arm.start_trajectory(_trajectory(arm))
    controller.velocity, controller.told = 0.4, told
    wait_for(lambda: arm.joint_state().velocities.max() > 0.3, 5.0, "a moving arm")
    arm.stop()
    assert controller.is_cancelled.wait(5.0)
    time.sleep(0.2)
    assert arm.motion_status().state is MotionState.STOPPING
    controller.velocity = 0.0
    wait_for(lambda: not arm.motion_status().is_active, 5.0, "the arm to rest")
    assert arm.motion_status().state is MotionState.STOPPED


def test_states_without_a_stamp_are_new_ones(controller: SlowController, arm: RemoteArm) -> None:
    message, stamps = (
        JointState(name=arm.joint_names, position=[0.0] * len(arm.joint_names)),
        set(),
    )
    for _ in range(2):
        arm._on_state(message)
        stamps.add(arm.joint_state().stamp)
    assert len(stamps) == 2 and min(stamps) > 1e9


def test_joints_come_in_any_order_and_unknown_ones_are_no_state() -> None:
    message = JointState(
        name=["rail", "b", "a"], position=[9.0, 2.0, 1.0], velocity=[0.0, math.nan, 0.5]
    )
    state = from_joint_state_msg(message, ("a", "b"))
    assert state.positions.tolist() == [1.0, 2.0]
    assert state.velocities[0] == 0.5 and np.isnan(state.velocities[1])  # told is not known
    message.position[2] = math.nan
    assert from_joint_state_msg(message, ("a", "b")) is None
    assert from_joint_state_msg(message, ("a", "c")) is None


def test_fingers_that_close_on_have_lost_what_they_held(
    controller: SlowController, gripper_config: GripperConfig
) -> None:
    feed = JointStateFeed(controller)
    gripper = RemoteGripper(controller, gripper_config, feed, RosClock(controller))

    def hear(width: float) -> bool:
        position = [gripper_config.joint_position(width)]
        gripper._on_state(JointState(name=[gripper_config.joint_name], position=position))
        return gripper.state().is_stalled

    assert not hear(0.03)
    gripper._gripper_status(GripperCommand.Result(position=0.03, stalled=True), 4)
    assert hear(0.0305) and not hear(0.01)
    gripper._gripper_status(GripperCommand.Result(position=0.0, reached_goal=True), 4)
    assert not hear(0.0)
    feed.close()
