"""Arm and gripper behind ROS: ours or any driver that speaks ros2_control's actions."""

import contextlib
import math
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.executors import (
    ExternalShutdownException,
    ShutdownException,
    SingleThreadedExecutor,
)
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState as JointStateMsg
from unique_identifier_msgs.msg import UUID

from equigrasp.devices.arm import Arm, JointState, JointTrajectory, MotionState, MotionStatus
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.gripper import Gripper, GripperLimits, GripperState
from equigrasp.devices.limits import JointLimits
from equigrasp.errors import DeviceTimeoutError, NotConnectedError
from equigrasp.nodes import names, qos
from equigrasp.nodes.action_client import ActionClient
from equigrasp.nodes.conversions import from_joint_state_msg, to_trajectory_msg

_ANSWER_TIMEOUT = 2.0  # [s] wall clock: a controller answers a goal within this
_STATE_TIMEOUT = 1.0  # [s] wall clock: joint states are never older
_CLOCK_TIMEOUT = 3.0  # [s] wall clock in which robot time must move on
_SETTLE_TIMEOUT = 1.0  # [s] wall clock between a goal's success and the joints being there
_AT_REST = 0.05  # [rad/s] an arm whose motion was stopped is faster than this while it brakes
_REFUSED = (
    "the controller refused the goal; its log says why (is it active, are the joints its own?)"
)
_GRIP_SLACK = 0.002  # [m] fingers that moved on by more have lost what they stalled on
_CODES = {
    getattr(FollowJointTrajectory.Result, name): name
    for name in (
        "INVALID_GOAL",
        "INVALID_JOINTS",
        "OLD_HEADER_TIMESTAMP",
        "PATH_TOLERANCE_VIOLATED",
        "GOAL_TOLERANCE_VIOLATED",
    )
}
_POLL = 0.02  # [s] wall clock between polls where nothing happens


class RosClock:
    """The node's clock; notices when simulated time stands still.

    Who is in `pause` looks again as soon as `wake` tells of news: a joint state, a result, a cancel.
    """

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._wake = threading.Event()
        self._last, self._last_change = self.now(), time.monotonic()

    def wake(self) -> None:
        """End the present `pause`; from any thread."""
        self._wake.set()

    def now(self) -> float:
        """Return ROS time [s]."""
        return float(self._clock.now().nanoseconds * 1e-9)

    def pause(self) -> None:
        """Wait for news, for a short while at most.

        Raises:
            DeviceTimeoutError: if ROS time has not moved for a while: its source is gone.
        """
        self._wake.wait(_POLL)
        self._wake.clear()
        now = self.now()
        if now != self._last:
            self._last, self._last_change = now, time.monotonic()
        elif time.monotonic() - self._last_change > _CLOCK_TIMEOUT:
            self._last_change = time.monotonic()
            raise DeviceTimeoutError(
                f"Robot time stood still for {_CLOCK_TIMEOUT} s; is the simulation gone?"
            )


class JointStateFeed:
    """Hears joint states in a thread and a node of its own, as tf2's listeners do.

    They come a hundred times a second; rclpy's multi-threaded executor would go through every entity
    of the owner's node twice for each of them, which took a third of a core.
    """

    def __init__(self, node: Node) -> None:
        self._listeners: list[Callable[[JointStateMsg], None]] = []
        name = f"{node.get_name()}_joint_states"
        self._node = Node(
            name,
            context=node.context,
            cli_args=[
                "--ros-args",
                "-r",
                f"__node:={name}",
                "-r",
                f"__ns:={node.get_namespace()}",
            ],
            parameter_overrides=[Parameter("use_sim_time", value=False)],
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._subscription = self._node.create_subscription(
            JointStateMsg, names.JOINT_STATES, self._on_message, qos.sensor_data(10)
        )
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._node)
        threading.Thread(target=self._spin, name="joint states", daemon=True).start()

    def subscribe(self, listener: Callable[[JointStateMsg], None]) -> None:
        """Have `listener(message)` called, in the feed's thread, for every message."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Hear no more."""
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()

    def _on_message(self, message: JointStateMsg) -> None:
        for listener in self._listeners:
            listener(message)

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException, ShutdownException):
            self._executor.spin()


class _RemoteGoal:
    """One goal at an action server: its state, kept up by callbacks."""

    def __init__(
        self,
        client: ActionClient,
        goal: Any,
        on_result: Callable[[Any, int], MotionStatus],
        wake: Callable[[], None],
    ) -> None:
        self._client = client
        self._goal_id = UUID(uuid=list(uuid.uuid4().bytes))
        self._on_result = on_result
        self._wake = wake
        self._handle: Any = None
        self._is_cancelled = False
        self._sent = time.monotonic()
        self.ended = math.inf  # wall clock time of the result
        self._lock = threading.Lock()
        self._status = MotionStatus(MotionState.MOVING)
        if not client.server_is_ready() and not client.wait_for_server(_ANSWER_TIMEOUT):
            self._status = MotionStatus(MotionState.FAULT, "no controller offers the action")
            return
        sent = client.send_goal_async(goal, goal_uuid=self._goal_id)
        sent.add_done_callback(self._answered)

    def status(self) -> MotionStatus:
        with self._lock:
            is_silent = self._handle is None and self._status.is_active
            if is_silent and time.monotonic() - self._sent > _ANSWER_TIMEOUT:
                self._status = MotionStatus(
                    MotionState.FAULT, f"the controller gave no answer within {_ANSWER_TIMEOUT} s"
                )
                self._client.cancel_unanswered_async(self._goal_id)  # it may be moving
            return self._status

    def cancel(self) -> None:
        with self._lock:
            if not self._status.is_active or self._is_cancelled:
                return
            self._is_cancelled = True
            self._status = MotionStatus(MotionState.STOPPING)
            if self._handle is not None:
                self._handle.cancel_goal_async()

    def _answered(self, future: Any) -> None:
        handle = future.result()
        with self._lock:
            if not handle.accepted:
                self._status = MotionStatus(MotionState.FAULT, _REFUSED)
                self._wake()
                return
            self._handle = handle
            if not self._status.is_active or self._is_cancelled:
                handle.cancel_goal_async()
        handle.get_result_async().add_done_callback(self._finished)

    def _finished(self, future: Any) -> None:
        answer = future.result()
        status = self._on_result(answer.result, answer.status)
        with self._lock:
            if not self._status.is_active:
                return  # given up before the answer came
            is_ours = self._is_cancelled and status.state is not MotionState.SUCCEEDED
            self._status = MotionStatus(MotionState.STOPPED) if is_ours else status
            self.ended = time.monotonic()
        self._wake()


class RemoteArm(Arm):
    """An arm behind FollowJointTrajectory and joint_states."""

    def __init__(
        self, node: Node, config: ArmConfig, feed: JointStateFeed, wake: Callable[[], None]
    ) -> None:
        self._config = config
        self._wake = wake
        self._state: JointState | None = None
        self._received = 0.0
        self._goal: _RemoteGoal | None = None
        self._target = np.zeros(0)
        self._settled: MotionStatus | None = None  # how the last motion ended, once that is sure
        self._client = ActionClient(
            node, FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY,
            callback_group=node.callbacks,  # type: ignore[attr-defined]
        )  # fmt: skip
        feed.subscribe(self._on_state)

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._config.joint_names

    @property
    def limits(self) -> JointLimits:
        return self._config.limits

    @property
    def is_heard(self) -> bool:
        """Whether a joint state has come so far."""
        return self._state is not None

    def connect(self) -> None:
        """Nothing to do: controllers may come and go, every wait is bounded."""

    def disconnect(self) -> None:
        self.stop()

    def joint_state(self) -> JointState:
        state, age = self._state, time.monotonic() - self._received
        if state is None:
            raise NotConnectedError(f"No joint states of arm '{self._config.name}' so far.")
        if age > _STATE_TIMEOUT:
            raise DeviceTimeoutError(
                f"The newest joint state is {age:.1f} s old; is the arm gone?"
            )
        return state

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        self.joint_state()  # raises when the arm fell silent
        # Where the arm is, the driver knows better than a joint state that is on its way.
        start = np.asarray(trajectory.positions)[:1].ravel()
        self.limits.check_trajectory(trajectory, self.joint_names, start)
        goal = FollowJointTrajectory.Goal(
            trajectory=to_trajectory_msg(trajectory, self.joint_names)
        )
        self._target, self._settled = np.asarray(trajectory.positions)[-1], None
        self._goal = _RemoteGoal(self._client, goal, _trajectory_status, self._wake)

    def motion_status(self) -> MotionStatus:
        if self._goal is None:
            return MotionStatus(MotionState.IDLE)
        if self._settled is not None:
            return self._settled
        status = self._goal.status()
        if status.is_active:
            self.joint_state()  # raises when the arm fell silent
            return status
        return self._settle(status)

    def _settle(self, status: MotionStatus) -> MotionStatus:
        """Believe that a motion has ended when the joints show it.

        A JointTrajectoryController tells of success when the time is over, unless tolerances are
        configured, and of a cancel at once, while the arm brakes.
        """
        assert self._goal is not None
        state = self.joint_state()
        error = np.abs(state.positions - self._target)
        i, is_late = int(error.argmax()), time.monotonic() > self._goal.ended + _SETTLE_TIMEOUT
        if status.state is MotionState.SUCCEEDED and error[i] > self.limits.start_tolerance:
            if not is_late:
                return MotionStatus(MotionState.MOVING)
            status = MotionStatus(
                MotionState.FAULT,
                f"joint '{self.joint_names[i]}' ended {error[i]:.3f} rad from its goal",
            )
        elif status.state is MotionState.STOPPED and np.abs(state.velocities).max() > _AT_REST:
            return MotionStatus(MotionState.STOPPING)
        self._settled = status
        return status

    def stop(self) -> None:
        if self._goal is not None:
            self._goal.cancel()

    def _on_state(self, message: JointStateMsg) -> None:
        state = from_joint_state_msg(message, self.joint_names)
        if state is not None:
            self._state, self._received = state, time.monotonic()
            self._wake()


class RemoteGripper(Gripper):
    """A gripper behind GripperCommand (openings in metres) and joint_states."""

    def __init__(
        self, node: Node, config: GripperConfig, feed: JointStateFeed, wake: Callable[[], None]
    ) -> None:
        self._config = config
        self._wake = wake
        self._state: GripperState | None = None
        self._received = 0.0
        self._stalled_width = math.nan  # [m] where the fingers stalled last
        self._goal: _RemoteGoal | None = None
        self._client = ActionClient(
            node, GripperCommand, names.GRIPPER_COMMAND,
            callback_group=node.callbacks,  # type: ignore[attr-defined]
        )  # fmt: skip
        feed.subscribe(self._on_state)

    @property
    def limits(self) -> GripperLimits:
        return self._config.limits

    @property
    def joint_names(self) -> tuple[str, ...]:
        return (self._config.joint_name,)

    @property
    def is_heard(self) -> bool:
        """Whether a joint state has come so far."""
        return self._state is not None

    def connect(self) -> None:
        """Nothing to do: controllers may come and go, every wait is bounded."""

    def disconnect(self) -> None:
        self.stop()

    def state(self) -> GripperState:
        state, age = self._state, time.monotonic() - self._received
        if state is None:
            raise NotConnectedError(f"No joint states of gripper '{self._config.name}' so far.")
        if age > _STATE_TIMEOUT:
            raise DeviceTimeoutError(f"The newest gripper state is {age:.1f} s old.")
        return state

    def start_move(self, width: float, speed: float, force: float) -> None:
        """See `Gripper.start_move`; GripperCommand has no speed: the driver's own is used."""
        self.limits.check(width, speed, force)
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = width, force
        self._goal = _RemoteGoal(self._client, goal, self._gripper_status, self._wake)

    def motion_status(self) -> MotionStatus:
        return MotionStatus(MotionState.IDLE) if self._goal is None else self._goal.status()

    def stop(self) -> None:
        if self._goal is not None:
            self._goal.cancel()

    def _gripper_status(self, result: GripperCommand.Result, goal_status: int) -> MotionStatus:
        self._stalled_width = result.position if result.stalled else math.nan
        if result.reached_goal or result.stalled:
            return MotionStatus(MotionState.SUCCEEDED)
        return MotionStatus(MotionState.FAULT, "the gripper did not reach its goal")

    def _on_state(self, message: JointStateMsg) -> None:
        state = from_joint_state_msg(message, self.joint_names)
        if state is not None:
            width = self._config.width(float(state.positions[0]))
            last, speed = self._state, 0.0
            if last is not None and state.stamp > last.stamp:
                speed = (width - last.width) / (state.stamp - last.stamp)
            is_stalled = abs(width - self._stalled_width) < _GRIP_SLACK
            self._state = GripperState(state.stamp, width, speed, is_stalled)
            self._received = time.monotonic()


def _trajectory_status(result: FollowJointTrajectory.Result, goal_status: int) -> MotionStatus:
    """Go by the goal's status: some controllers leave the code at 0, some say why they succeeded."""
    if goal_status == GoalStatus.STATUS_SUCCEEDED and result.error_code == result.SUCCESSFUL:
        return MotionStatus(MotionState.SUCCEEDED)
    if goal_status == GoalStatus.STATUS_CANCELED:
        return MotionStatus(MotionState.STOPPED, "somebody cancelled the trajectory")
    code = _CODES.get(result.error_code, f"code {result.error_code}")
    return MotionStatus(MotionState.FAULT, f"{code}: {result.error_string or 'no reason given'}")
