"""An arm behind ROS: ours or any driver that speaks ros2_control's actions."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from control_msgs.action import FollowJointTrajectory
from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64

from equigrasp.devices.arm import Arm
from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointState, JointTrajectory, MotionState, MotionStatus
from equigrasp.errors import DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.ros import names
from equigrasp.ros.messages.joints import from_joint_state_msg, from_wrench_msg
from equigrasp.ros.messages.trajectories import from_trajectory_result, to_trajectory_msg
from equigrasp.ros.remote.joint_history import JointHistory
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.remote.remote_goal import RemoteGoal
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.heartbeat import Heartbeat
from equigrasp.ros.runtime.ros_clock import RosClock

_SETTLE_TIMEOUT = (
    1.0  # [s] between a goal's end and the joints being there, or at rest after a fault
)
_AT_REST = 0.05  # [rad/s] an arm whose motion was stopped is faster than this while it brakes
_STATE_TIMEOUT = 1.0  # [s] joint states are never older


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
        self._history = JointHistory()
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
            if (
                status.state is MotionState.MOVING
            ):  # a stop that is lost, the driver's watch makes good
                self._heartbeat.beat(self._goal.goal_id)
            self.joint_state()  # raises when the arm fell silent
            return status
        return self._settle(status)

    def _settle(self, status: MotionStatus) -> MotionStatus:
        """Believe that a motion has ended when the joints show it.

        A JointTrajectoryController tells of success when the time is over, unless tolerances are
        configured, and of a cancel or a fault at once, while the arm brakes.
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
        elif status.state is not MotionState.SUCCEEDED:
            is_over = status.state is MotionState.FAULT and is_late
            if not is_over and not self._history.is_at_rest(self._goal.ended, _AT_REST):
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
        force = message.wrench.force
        if not np.isfinite([force.x, force.y, force.z]).all():
            return  # no measurement: a force that is NaN would never be too large
        self._force, self._force_received = message, self._clock.moment()

    def _on_speed_scaling(self, message: Float64) -> None:
        if math.isfinite(message.data):
            self._speed_scaling = min(1.0, max(0.0, message.data / 100.0))

    def _on_state(self, message: JointStateMsg) -> None:
        state = from_joint_state_msg(message, self.joint_names)
        if state is None:
            return
        received = self._clock.moment()
        if state.stamp == 0.0:  # the driver does not tell it
            state = replace(state, stamp=self._clock.stamp())
        state = self._history.add(state, received)
        if state is not None:
            self._state, self._received = state, received
            self._clock.wake()
