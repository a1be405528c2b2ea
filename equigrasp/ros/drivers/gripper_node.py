"""Driver node of a gripper: GripperCommand and joint states, for any `Gripper` device."""

import threading
from dataclasses import dataclass

from control_msgs.action import GripperCommand
from rclpy.action import CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.gripper import Gripper
from equigrasp.devices.motion import MotionState
from equigrasp.errors import CommandRejectedError, DeviceError
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.real_devices import gripper_of
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.runtime.action_server import ActionServer
from equigrasp.ros.runtime.commanders import Commanders
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import declare, parameter

_POLL = 0.005  # [s] wall clock


@dataclass(frozen=True)
class GripperNodeConfig:
    """Parameters of the node."""

    state_rate: float = parameter(20.0, "Joint states per second [Hz, wall clock].", 1.0, 500.0)
    speed: float = parameter(0.15, "Speed of the opening [m/s].", 0.02, 0.15)
    default_force: float = parameter(40.0, "Force where a goal names none [N].", 20.0, 235.0)
    dry_run: bool = parameter(False, "Check goals, but move nothing.")


class GripperNode(ManagedNode):
    """Goals and results are openings [m]; joint states are those of the driven joint.

    Args:
        gripper: The device; None: the real one of the cell that the parameters name.
        description: Tells the joint's position at an opening, and the cell's limits, which every goal
            is held against here, the last place before the wire; None: the cell's.
    """

    def __init__(
        self, gripper: Gripper | None = None, description: GripperConfig | None = None
    ) -> None:
        super().__init__(names.GRIPPER, is_patient=gripper is None)
        if gripper is None or description is None:
            gripper, description = gripper_of(self)
        self._gripper, self._description = gripper, description
        self._config = declare(self, GripperNodeConfig)
        self._owner = 0
        self._commanders = Commanders()
        self._lock = threading.Lock()

    def set_up(self) -> None:
        """Connect the gripper and offer the action."""
        self._gripper.connect()
        self._states = self.create_publisher(JointStateMsg, names.JOINT_STATES, qos.reliable())
        self._server = ActionServer(
            self,
            GripperCommand,
            names.GRIPPER_COMMAND,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=self.callbacks,
        )
        self.repeat(self._config.state_rate, self._publish_state)

    def halt(self) -> None:
        """Hold the fingers where they are."""
        self._gripper.stop()

    def tear_down(self) -> None:
        """Let go of the gripper."""
        self._gripper.disconnect()

    def _publish_state(self) -> None:
        state, description = self._gripper.state(), self._description
        message = JointStateMsg(
            name=list(self._gripper.joint_names),
            position=[description.joint_position(state.width)],
            velocity=[description.joint_velocity(state.width, state.speed)],
        )
        message.header.stamp = to_time(state.stamp)
        self._states.publish(message)

    def _accept(self, goal: GripperCommand.Goal) -> GoalResponse:
        return GoalResponse.ACCEPT if self.is_active else GoalResponse.REJECT

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        self._gripper.stop()
        return CancelResponse.ACCEPT

    def _execute(self, goal_handle: ServerGoalHandle) -> GripperCommand.Result:
        if refusal := self._commanders.refusal(goal_handle.goal_id):
            self.get_logger().error(refusal, throttle_duration_sec=5.0)
            goal_handle.abort()
            return self._result(False)
        command = goal_handle.request.command
        force = command.max_effort or self._config.default_force
        with self._lock:
            self._owner += 1
            number = self._owner
            try:
                self._description.limits.check(command.position, self._config.speed, force)
                if self._config.dry_run:
                    raise CommandRejectedError(
                        "Dry run: the goal is within limits; nothing moved."
                    )
                self._gripper.start_move(command.position, self._config.speed, force)
            except DeviceError as error:
                self.get_logger().error(f"Goal refused: {error}")
                goal_handle.abort()
                return self._result(False)
        idle = threading.Event()
        while number == self._owner and self._gripper.motion_status().is_active:
            idle.wait(_POLL)
        status = self._gripper.motion_status()
        state = status.state
        if state is MotionState.FAULT:  # GripperCommand's result has no place for the reason
            self.get_logger().error(f"The fingers stopped: {status.message}")
        if number != self._owner or state is MotionState.FAULT:
            goal_handle.abort()
        elif goal_handle.is_cancel_requested:
            goal_handle.canceled()
        elif state is MotionState.SUCCEEDED:
            goal_handle.succeed()
        else:
            goal_handle.abort()
        return self._result(state is MotionState.SUCCEEDED, state is MotionState.FAULT)

    def _result(self, is_done: bool, is_fault: bool = True) -> GripperCommand.Result:
        try:
            state = self._gripper.state()
        except DeviceError as error:
            self.get_logger().error(f"Nothing is known of the fingers: {error}")
            return GripperCommand.Result()
        return GripperCommand.Result(
            position=state.width,
            stalled=state.is_stalled and not is_fault,
            reached_goal=is_done and not state.is_stalled,
        )


def main() -> None:
    """Run the node in front of the real gripper."""
    run(lambda: [GripperNode()], num_threads=4)


if __name__ == "__main__":
    main()
