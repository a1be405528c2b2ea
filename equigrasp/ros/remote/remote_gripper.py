"""A gripper behind ROS: ours or any driver that speaks ros2_control's actions."""

import math
from dataclasses import replace
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.gripper import Gripper, GripperLimits, GripperState
from equigrasp.devices.motion import MotionState, MotionStatus
from equigrasp.errors import Device, DeviceTimeoutError, NotConnectedError
from equigrasp.ros import names
from equigrasp.ros.messages.gripper_commands import FingerCommand, GripperAction
from equigrasp.ros.messages.joints import from_joint_state_msg
from equigrasp.ros.remote.joint_history import JointHistory
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.remote.remote_goal import RemoteGoal
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.ros_clock import RosClock

_STATE_TIMEOUT = 1.0  # [s] joint states are never older
_GRIP_SLACK = 0.002  # [m] fingers that moved on by more have lost what they stalled on


class RemoteGripper(Gripper):
    """A gripper behind joint_states and the action that its configuration names (`GripperAction`)."""

    def __init__(
        self, node: Node, config: GripperConfig, feed: JointStateFeed, clock: RosClock
    ) -> None:
        self._config, self._action = config, GripperAction(config)
        self._clock = clock
        self._state: GripperState | None = None
        self._history = JointHistory()
        self._received = clock.moment()
        self._stalled_width = math.nan  # [m] where the fingers stalled last
        self._goal: RemoteGoal | None = None
        self._client = ActionClient(
            node, self._action.type, names.GRIPPER_COMMAND,
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
        state, age = self._state, self._clock.since(self._received)
        if state is None:
            raise NotConnectedError(
                f"No joint states of gripper '{self._config.name}' so far.", Device.GRIPPER
            )
        if age > _STATE_TIMEOUT:
            raise DeviceTimeoutError(
                f"The newest gripper state is {age:.1f} s old.", Device.GRIPPER
            )
        return state

    def start_move(self, width: float, speed: float, force: float) -> None:
        """See `Gripper.start_move`; of a GripperCommand, which has no speed, the driver's own is used."""
        self.limits.check(width, speed, force)
        goal = self._action.to_goal(FingerCommand(width, speed, force))
        self._goal = RemoteGoal(self._client, goal, self._gripper_status, self._clock)

    def motion_status(self) -> MotionStatus:
        return MotionStatus(MotionState.IDLE) if self._goal is None else self._goal.status()

    def stop(self) -> None:
        if self._goal is not None:
            self._goal.cancel()

    def _gripper_status(self, result: Any, goal_status: int) -> MotionStatus:
        report = self._action.from_result(result)
        width = report.width
        if (
            math.isnan(width) and self._state is not None
        ):  # some drivers leave the result's state empty
            width = self._state.width
        self._stalled_width = width if report.is_stalled else math.nan
        if report.has_arrived or report.is_stalled:
            return MotionStatus(MotionState.SUCCEEDED)
        return MotionStatus(MotionState.FAULT, "the gripper did not reach its goal")

    def _on_state(self, message: JointStateMsg) -> None:
        state = from_joint_state_msg(message, self.joint_names)
        if state is not None and not state.stamp:  # the driver does not tell it
            state = replace(state, stamp=self._clock.stamp())
        received = self._clock.moment()
        if state is not None and self._history.add(state, received) is not None:
            width = self._config.width(float(state.positions[0]))
            last, speed = self._state, 0.0
            if last is not None and state.stamp > last.stamp:
                speed = (width - last.width) / (state.stamp - last.stamp)
            is_stalled = abs(width - self._stalled_width) < _GRIP_SLACK
            self._state = GripperState(state.stamp, width, speed, is_stalled)
            self._received = received
