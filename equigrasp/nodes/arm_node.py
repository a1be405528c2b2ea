"""Driver node of an arm: FollowJointTrajectory, joint states and tf, for any `Arm` device."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from sensor_msgs.msg import JointState as JointStateMsg
from tf2_msgs.msg import TFMessage

from equigrasp.devices.arm import Arm, MotionState
from equigrasp.errors import CommandRejectedError, DeviceError
from equigrasp.nodes import names, qos
from equigrasp.nodes.conversions import (
    from_trajectory_msg,
    to_joint_state_msg,
    to_transform_msg,
)
from equigrasp.nodes.managed_node import ManagedNode, run
from equigrasp.nodes.parameters import declare, parameter
from equigrasp.nodes.real_devices import arm_of

_POLL = 0.005  # [s] wall clock
_WATCHDOG = 120.0  # [s] wall clock that one trajectory may take


@dataclass(frozen=True)
class ArmNodeConfig:
    """Parameters of the node."""

    state_rate: float = parameter(50.0, "Joint states per second [Hz, wall clock].", 1.0, 500.0)


class ArmNode(ManagedNode):
    """One trajectory at a time; a new goal replaces the running one, as ros2_control does.

    Limits are checked by the device itself, the last place before the wire.

    Args:
        arm: The device; None: the real one of the cell that the parameters name.
        forward_kinematics: Pose of the TCP at joint positions, for tf; None: no tf, or the cell's.
    """

    def __init__(self, arm: Arm | None = None, forward_kinematics: Any = None) -> None:
        super().__init__(names.ARM, is_patient=arm is None)
        self._arm, self._forward_kinematics = (
            (arm, forward_kinematics) if arm is not None else arm_of(self)
        )
        self._config = declare(self, ArmNodeConfig)
        self._owner = 0  # number of the goal that the arm obeys
        self._lock = threading.Lock()
        self.report_health_with(self._health)

    def set_up(self) -> None:
        """Connect the arm and offer the action."""
        self._arm.connect()
        self._states = self.create_publisher(JointStateMsg, names.JOINT_STATES, qos.reliable())
        self._tf = self.create_publisher(TFMessage, names.TF, qos.reliable(100))
        self._server = ActionServer(
            self,
            FollowJointTrajectory,
            names.FOLLOW_JOINT_TRAJECTORY,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=self.callbacks,
        )
        self.repeat(self._config.state_rate, self._publish_state)

    def halt(self) -> None:
        """Stop the arm."""
        self._arm.stop()

    def tear_down(self) -> None:
        """Let go of the arm."""
        self._arm.disconnect()

    def _health(self) -> tuple[bool, str, dict[str, str]]:
        try:
            status = self._arm.motion_status()
        except DeviceError as error:
            return not self.is_active, str(error), {}
        return status.state is not MotionState.FAULT, status.message, {"state": status.state.value}

    def _publish_state(self) -> None:
        state = self._arm.joint_state()
        self._states.publish(to_joint_state_msg(state, self._arm.joint_names))
        if self._forward_kinematics is not None:
            pose = self._forward_kinematics(state.positions)
            transform = to_transform_msg(pose, state.stamp, names.BASE_FRAME, names.TCP_FRAME)
            self._tf.publish(TFMessage(transforms=[transform]))

    def _accept(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        if not self.is_active:
            self.get_logger().warning("Goal refused: the node is not active.")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        # The newest goal owns the arm; cancelling an older one that was replaced moves nothing.
        if goal_handle.is_active:
            self._arm.stop()
        return CancelResponse.ACCEPT

    def _execute(self, goal_handle: ServerGoalHandle) -> FollowJointTrajectory.Result:
        result = FollowJointTrajectory.Result()
        with self._lock:
            try:
                trajectory = from_trajectory_msg(
                    goal_handle.request.trajectory, self._arm.joint_names
                )
                if goal_handle.is_cancel_requested:
                    goal_handle.canceled()
                    return result
                self._arm.start_trajectory(trajectory)
            except (CommandRejectedError, DeviceError) as error:
                self.get_logger().error(f"Trajectory refused: {error}")
                result.error_code = FollowJointTrajectory.Result.INVALID_GOAL
                result.error_string = str(error)
                goal_handle.abort()
                return result
            self._owner += 1
            number = self._owner
        return self._watch(goal_handle, number, result)

    def _watch(
        self, goal_handle: ServerGoalHandle, number: int, result: FollowJointTrajectory.Result
    ) -> FollowJointTrajectory.Result:
        idle, deadline = threading.Event(), time.monotonic() + _WATCHDOG
        while number == self._owner and self.is_active:
            if goal_handle.is_cancel_requested:
                self._arm.stop()
            status = self._arm.motion_status()
            if not status.is_active:
                break
            if time.monotonic() > deadline:
                self._arm.stop()
            idle.wait(_POLL)
        else:
            result.error_code = FollowJointTrajectory.Result.INVALID_GOAL
            result.error_string = "A newer trajectory took this one's place, or the node ended."
            goal_handle.abort()
            return result
        result.error_string = status.message
        if status.state is MotionState.SUCCEEDED:
            goal_handle.succeed()
        elif goal_handle.is_cancel_requested:
            goal_handle.canceled()
        else:
            result.error_code = FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
            goal_handle.abort()
        return result


def main() -> None:
    """Run the node in front of the real arm."""
    run(lambda: [ArmNode()], num_threads=4)


if __name__ == "__main__":
    main()
