"""Arm and gripper behind ROS: ours or any driver that speaks ros2_control's actions."""

import contextlib
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from geometry_msgs.msg import WrenchStamped
from rclpy.executors import (
    ExternalShutdownException,
    ShutdownException,
    SingleThreadedExecutor,
)
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64

from equigrasp.devices.arm import (
    Arm,
    JointState,
    JointTrajectory,
    MotionState,
    MotionStatus,
)
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.gripper import Gripper, GripperLimits, GripperState
from equigrasp.devices.limits import JointLimits
from equigrasp.errors import DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.nodes import names, qos
from equigrasp.nodes.action_client import ActionClient
from equigrasp.nodes.conversions import (
    from_joint_state_msg,
    from_wrench_msg,
)
from equigrasp.nodes.heartbeat import Heartbeat
from equigrasp.nodes.remote_goal import RemoteGoal
from equigrasp.nodes.ros_clock import RosClock
from equigrasp.nodes.trajectory_messages import from_trajectory_result, to_trajectory_msg

_STATE_TIMEOUT = 1.0  # [s] joint states are never older
_SETTLE_TIMEOUT = 1.0  # [s] between a goal's success and the joints being there
_AT_REST = 0.05  # [rad/s] an arm whose motion was stopped is faster than this while it brakes
_GRIP_SLACK = 0.002  # [m] fingers that moved on by more have lost what they stalled on


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

    def listen(self, kind: Any, name: str, listener: Callable[[Any], None]) -> None:
        """Have `listener(message)` called, in the feed's thread, for every message of a topic."""
        self._node.create_subscription(kind, name, listener, qos.sensor_data(1))

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


class RemoteArm(Arm):
    """An arm behind FollowJointTrajectory and joint_states.

    Who starts a trajectory looks at `motion_status` all the time: each look is a sign of life to the
    driver, which stops the arm when they end (see `heartbeat`).

    Args:
        node: Who commands.
        config: Joints and limits.
        feed: Hears joint states.
        clock: Tells how old its states are, and is woken when there is news.
        forward: Returns `T_base_tcp` at joint positions; for controllers that report forces in the
            frame of the tool.
    """

    def __init__(
        self,
        node: Node,
        config: ArmConfig,
        feed: JointStateFeed,
        clock: RosClock,
        forward: Callable[[np.ndarray], Transform],
    ) -> None:
        self._forward = forward
        self._config = config
        self._clock = clock
        self._state: JointState | None = None
        self._received = clock.moment()
        self._goal: RemoteGoal | None = None
        self._target = np.zeros(0)
        self._settled: MotionStatus | None = None  # how the last motion ended, once that is sure
        self._heartbeat = Heartbeat(node)
        self._force: WrenchStamped | None = None
        self._force_received = clock.moment()
        self._speed_scaling = 1.0
        self._client = ActionClient(
            node, FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY,
            callback_group=node.callbacks,  # type: ignore[attr-defined]
        )  # fmt: skip
        feed.subscribe(self._on_state)
        feed.listen(WrenchStamped, names.TCP_WRENCH, self._on_wrench)
        feed.listen(Float64, names.SPEED_SCALING, self._on_speed_scaling)

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
        state, age = self._state, self._clock.since(self._received)
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
        self._goal = RemoteGoal(
            self._client, goal, from_trajectory_result, self._clock, self._heartbeat.begin
        )

    def motion_status(self) -> MotionStatus:
        if self._goal is None:
            return MotionStatus(MotionState.IDLE)
        if self._settled is not None:
            return self._settled
        status = self._goal.status()
        if status.is_active:
            self._heartbeat.beat(self._goal.goal_id)
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
        i, is_late = int(error.argmax()), self._clock.since(self._goal.ended) > _SETTLE_TIMEOUT
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

    def tcp_force(self) -> np.ndarray | None:
        message, age = self._force, self._clock.since(self._force_received)
        if message is None or age > _STATE_TIMEOUT:
            return None
        return from_wrench_msg(message, lambda: self._forward(self.joint_state().positions))

    def speed_scaling(self) -> float:
        return self._speed_scaling

    def _on_wrench(self, message: WrenchStamped) -> None:
        self._force, self._force_received = message, self._clock.moment()

    def _on_speed_scaling(self, message: Float64) -> None:
        self._speed_scaling = min(1.0, max(0.0, message.data / 100.0))

    def _on_state(self, message: JointStateMsg) -> None:
        state = from_joint_state_msg(message, self.joint_names)
        if state is not None:
            self._state, self._received = state, self._clock.moment()
            self._clock.wake()


class RemoteGripper(Gripper):
    """A gripper behind GripperCommand (openings in metres) and joint_states."""

    def __init__(
        self, node: Node, config: GripperConfig, feed: JointStateFeed, clock: RosClock
    ) -> None:
        self._config = config
        self._clock = clock
        self._state: GripperState | None = None
        self._received = clock.moment()
        self._stalled_width = math.nan  # [m] where the fingers stalled last
        self._goal: RemoteGoal | None = None
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
        state, age = self._state, self._clock.since(self._received)
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
        self._goal = RemoteGoal(self._client, goal, self._gripper_status, self._clock)

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
            self._received = self._clock.moment()
