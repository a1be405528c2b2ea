"""The executor's side of a controller that answers late."""

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from control_msgs.action import FollowJointTrajectory  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.action import ActionServer, CancelResponse, GoalResponse  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from equigrasp.devices.arm import JointTrajectory, MotionState  # noqa: E402
from equigrasp.devices.cell import ArmConfig  # noqa: E402
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.nodes import names, qos  # noqa: E402
from equigrasp.nodes.action_client import ActionClient  # noqa: E402
from equigrasp.nodes.remote_devices import JointStateFeed, RemoteArm  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


class SlowController(Node):
    """Takes its time to accept a trajectory, and then follows it until it is cancelled."""

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        super().__init__("controller")
        self.callbacks = ReentrantCallbackGroup()
        self.delay = 0.0
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
        self._states.publish(self._state)

    def _accept(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        time.sleep(self.delay)
        return GoalResponse.ACCEPT

    def _execute(self, handle: object) -> FollowJointTrajectory.Result:
        wait_for(lambda: handle.is_cancel_requested, 20.0, "a cancel")
        self.is_cancelled.set()
        handle.canceled()
        return FollowJointTrajectory.Result()


@pytest.fixture
def controller(arm_config: ArmConfig) -> Iterator[SlowController]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    rclpy.init(domain_id=85 + os.getpid() % 5)
    node = SlowController(arm_config.joint_names)
    executor = MultiThreadedExecutor(4)
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    yield node
    executor.shutdown(timeout_sec=5.0)
    rclpy.try_shutdown()
    spinner.join(5.0)


@pytest.fixture
def arm(controller: SlowController, arm_config: ArmConfig) -> Iterator[RemoteArm]:
    feed = JointStateFeed(controller)
    arm = RemoteArm(
        controller, arm_config, feed, lambda: None, lambda positions: Transform.identity()
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
