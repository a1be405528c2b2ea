"""Driver node of a gripper: its action and joint states, for any `Gripper` device."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action import CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.gripper import Gripper
from equigrasp.devices.motion import MotionState, MotionStatus
from equigrasp.errors import CommandRejectedError, DeviceError
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.real_devices import gripper_of
from equigrasp.ros.messages.gripper_commands import FingerReport, GripperAction
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.runtime.action_server import ActionServer
from equigrasp.ros.runtime.commanders import Commanders
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter

_POLL = 0.005  # [s] wall clock
_FEEDBACK_PERIOD = 0.05  # [s] wall clock


@dataclass(frozen=True)
class GripperNodeConfig:
    """Parameters of the node."""

    state_rate: float = parameter(20.0, "Joint states per second [Hz, wall clock].", 1.0, 500.0)
    speed: float = parameter(0.15, "Speed of the opening [m/s].", 0.02, 0.15)
    default_force: float = parameter(40.0, "Force where a goal names none [N].", 20.0, 235.0)
    dry_run: bool = parameter(False, "Check goals, but move nothing.", is_live=True)


class GripperNode(ManagedNode):
    """Offers the gripper's action, and joint states of the driven joint.

    The action is the one that the gripper's configuration names: GripperCommand in metres unless it
    says otherwise.

    Args:
        gripper: The device; None: see `source`.
        description: Tells the joint's position at an opening, and the cell's limits, which every goal
            is held against here, the last place before the wire.
        source: Returns both at each configuring; None: the real ones that the parameters name.
    """

    def __init__(
        self,
        gripper: Gripper | None = None,
        description: GripperConfig | None = None,
        source: Callable[[], tuple[Gripper, GripperConfig]] | None = None,
    ) -> None:
        super().__init__(names.GRIPPER, is_patient=gripper is None)
        if gripper is not None and description is not None:
            given = gripper, description
            self._source: Callable[[], tuple[Gripper, GripperConfig]] = lambda: given
        else:
            self._source = source or gripper_of(self)
        self._settings = self.declare(GripperNodeConfig)
        self._gripper, self._description = self._source()
        self._owner = 0
        self._commanders = Commanders()
        self._lock = threading.Lock()

    def set_up(self) -> None:
        """Connect the gripper and offer the action."""
        self._gripper, self._description = self._source()
        self._gripper.connect()
        self._action = GripperAction(self._description)
        self._states = self.create_publisher(JointStateMsg, names.JOINT_STATES, qos.reliable())
        self._server = ActionServer(
            self,
            self._action.type,
            names.GRIPPER_COMMAND,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=self.callbacks,
        )
        self.repeat(self._settings.values.state_rate, self._publish_state)

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

    def _accept(self, goal: Any) -> GoalResponse:
        return GoalResponse.ACCEPT if self.is_active else GoalResponse.REJECT

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        self._gripper.stop()
        return CancelResponse.ACCEPT

    def _execute(self, goal_handle: ServerGoalHandle) -> Any:
        if refusal := self._commanders.refusal(goal_handle.goal_id):
            self.get_logger().error(refusal, throttle_duration_sec=5.0)
            goal_handle.abort()
            return self._result()
        with self._lock:
            self._owner += 1
            number = self._owner
            try:
                force = self._start(goal_handle.request)
            except DeviceError as error:
                self.get_logger().error(f"Goal refused: {error}")
                goal_handle.abort()
                return self._result()
        status = self._watch(goal_handle, number, force)
        state = status.state
        if state is MotionState.FAULT:  # the action's result has no place for the reason
            self.get_logger().error(f"The fingers stopped: {status.message}")
        if number != self._owner or state is MotionState.FAULT:
            goal_handle.abort()
        elif goal_handle.is_cancel_requested:
            goal_handle.canceled()
        elif state is MotionState.SUCCEEDED:
            goal_handle.succeed()
        else:
            goal_handle.abort()
        return self._result(state, force)

    def _start(self, goal: Any) -> float:
        """Start what a goal wants; return the force that it is allowed [N].

        Raises:
            DeviceError: if it breaks a limit of the cell, or the gripper does not take it.
        """
        command, config = self._action.from_goal(goal), self._settings.values
        speed, force = command.speed or config.speed, command.force or config.default_force
        self._description.limits.check(command.width, speed, force)
        if config.dry_run:
            raise CommandRejectedError("Dry run: the goal is within limits; nothing moved.")
        self._gripper.start_move(command.width, speed, force)
        return force

    def _watch(self, goal_handle: ServerGoalHandle, number: int, force: float) -> MotionStatus:
        """Tell of a motion until it ends, or a newer goal takes its place."""
        idle, next_report = threading.Event(), time.monotonic()
        try:
            while number == self._owner and self._gripper.motion_status().is_active:
                if time.monotonic() >= next_report:
                    next_report = time.monotonic() + _FEEDBACK_PERIOD
                    state = self._gripper.state()
                    report = FingerReport(state.width, force, state.is_stalled, False)
                    goal_handle.publish_feedback(self._action.to_feedback(report))
                idle.wait(_POLL)
            return self._gripper.motion_status()
        except DeviceError as error:
            return MotionStatus(MotionState.FAULT, str(error))

    def _result(self, ended: MotionState = MotionState.FAULT, force: float = 0.0) -> Any:
        try:
            state = self._gripper.state()
        except DeviceError as error:
            self.get_logger().error(f"Nothing is known of the fingers: {error}")
            return self._action.type.Result()
        is_stalled = state.is_stalled and ended is not MotionState.FAULT
        has_arrived = ended is MotionState.SUCCEEDED and not state.is_stalled
        return self._action.to_result(FingerReport(state.width, force, is_stalled, has_arrived))


def main() -> None:
    """Run the node in front of the real gripper."""
    run(lambda: [GripperNode()], num_threads=4)


if __name__ == "__main__":
    main()
