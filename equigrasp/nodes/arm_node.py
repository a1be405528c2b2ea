"""Driver node of an arm: FollowJointTrajectory, joint states and tf, for any `Arm` device."""

import threading
import time
from dataclasses import dataclass

from control_msgs.action import FollowJointTrajectory
from geometry_msgs.msg import WrenchStamped
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from unique_identifier_msgs.msg import UUID

from equigrasp.devices.arm import Arm, JointTrajectory, MotionState, MotionStatus, StopReason
from equigrasp.devices.cell import CellConfig
from equigrasp.errors import (
    ArmStoppedError,
    CancelledError,
    CommandRejectedError,
    DeviceError,
    NotConnectedError,
)
from equigrasp.nodes import names, qos
from equigrasp.nodes.confirmation import Confirmation
from equigrasp.nodes.conversions import (
    to_joint_state_msg,
    to_transform_msg,
    to_wrench_msg,
)
from equigrasp.nodes.heartbeat import CommanderWatch, Heartbeats
from equigrasp.nodes.managed_node import ManagedNode, run
from equigrasp.nodes.parameters import declare, parameter
from equigrasp.nodes.real_devices import arm_of
from equigrasp.nodes.trajectory_messages import (
    from_trajectory_msg,
    to_trajectory_msg,
    to_trajectory_result,
)
from equigrasp.planning.trajectory_check import TrajectoryCheck

_POLL = 0.005  # [s] wall clock
_LONGEST = 300.0  # [s] wall clock that one trajectory may take beyond its own duration
_SCALING_PERIOD = 0.2  # [s] wall clock between announcements of a speed that does not change


@dataclass(frozen=True)
class ArmNodeConfig:
    """Parameters of the node."""

    state_rate: float = parameter(50.0, "Joint states per second [Hz, wall clock].", 1.0, 500.0)
    speed_scale: float = parameter(
        1.0, "Share of its speed at which every trajectory runs; 0.1: first motion.", 0.01, 1.0
    )
    confirm: bool = parameter(False, "Whether each trajectory waits for a call of ~/confirm.")
    confirm_timeout: float = parameter(60.0, "Longest wait for ~/confirm [s].", 0.1, 3600.0)
    dry_run: bool = parameter(False, "Check and show trajectories, but move nothing.")
    heartbeat_timeout: float = parameter(
        0.6, "Silence of a commander after which the arm stops [s, wall clock].", 0.2, 10.0
    )
    requires_heartbeat: bool = parameter(
        False, "Whether goals of clients that send no heartbeat are stopped too."
    )


class ArmNode(ManagedNode):
    """One trajectory at a time; a new goal replaces the running one, as ros2_control does.

    Every trajectory is held against the cell's safety limits here, the last place before the wire,
    in simulation as on hardware.

    Args:
        arm: The device; None: the real one of the cell that the parameters name.
        cell: Its cell.
    """

    def __init__(self, arm: Arm | None = None, cell: CellConfig | None = None) -> None:
        super().__init__(names.ARM, is_patient=arm is None)
        if arm is None or cell is None:
            arm, cell = arm_of(self)
        self._arm = arm
        self._check = TrajectoryCheck(cell)
        self._config = declare(self, ArmNodeConfig)
        self._heartbeats = Heartbeats()
        self._confirmation = Confirmation()
        self._newest = 0  # number of the newest goal
        self._owner = 0  # number of the goal that the arm obeys
        self._lock = threading.Lock()
        self._scaling, self._scaling_told = -1.0, 0.0
        self.report_health_with(self._health)

    def set_up(self) -> None:
        """Connect the arm and offer action and services."""
        self._arm.connect()
        group, reliable = self.callbacks, qos.reliable()
        self._states = self.create_publisher(JointStateMsg, names.JOINT_STATES, reliable)
        self._tf = self.create_publisher(TFMessage, names.TF, qos.reliable(100))
        self._wrench = self.create_publisher(WrenchStamped, names.TCP_WRENCH, reliable)
        self._speed = self.create_publisher(Float64, names.SPEED_SCALING, reliable)
        self._shown = self.create_publisher(
            JointTrajectoryMsg, names.PLANNED_TRAJECTORY, qos.latched()
        )
        self.create_subscription(
            UUID, names.HEARTBEAT, self._heartbeats.hear, qos.reliable(2), callback_group=group
        )
        self.create_service(Trigger, "~/recover", self._recover, callback_group=group)
        self.create_service(Trigger, "~/confirm", self._confirmation.give, callback_group=group)
        self._server = ActionServer(
            self,
            FollowJointTrajectory,
            names.FOLLOW_JOINT_TRAJECTORY,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=group,
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
        values = {"state": status.state.value, "reason": status.reason.value}
        return status.state is not MotionState.FAULT, status.message, values

    def _publish_state(self) -> None:
        state, force = self._arm.joint_state(), self._arm.tcp_force()
        self._states.publish(to_joint_state_msg(state, self._arm.joint_names))
        if force is not None:
            self._wrench.publish(to_wrench_msg(force, state.stamp))
        pose = self._check.kinematics.forward(state.positions)
        transform = to_transform_msg(pose, state.stamp, names.BASE_FRAME, names.TCP_FRAME)
        self._tf.publish(TFMessage(transforms=[transform]))
        self._publish_scaling()

    def _publish_scaling(self) -> None:
        scaling = self._config.speed_scale * self._arm.speed_scaling()
        if self._confirmation.is_awaited:
            scaling = 0.0  # time stands still, so that nobody gives up
        now = time.monotonic()
        if scaling != self._scaling or now > self._scaling_told + _SCALING_PERIOD:
            self._scaling, self._scaling_told = scaling, now
            self._speed.publish(Float64(data=100.0 * scaling))

    def _recover(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Make the arm ready again; whoever calls has seen that the cell is clear."""
        try:
            if self._is_moving():
                raise CommandRejectedError("The arm is moving; there is nothing to recover from.")
            self._arm.recover()
            response.success, response.message = True, "The arm is ready."
            self.get_logger().warning("The arm was recovered by hand.")
        except DeviceError as error:
            response.message = str(error)
            self.get_logger().error(f"Not recovered: {error}")
        return response

    def _is_moving(self) -> bool:
        try:
            return self._arm.motion_status().is_active
        except NotConnectedError:
            return False

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
        try:
            trajectory = self._admit(goal_handle.request)
            number = self._begin(goal_handle, trajectory)
            status = self._watch(goal_handle, number, trajectory.duration)
        except CancelledError:
            status = MotionStatus(MotionState.STOPPED)
        except DeviceError as error:
            status = MotionStatus(MotionState.FAULT, str(error), _reason(error))
            self.get_logger().error(f"Trajectory not followed: {error}")
        if status.state is MotionState.SUCCEEDED:
            goal_handle.succeed()
        elif status.state is MotionState.STOPPED:
            goal_handle.canceled()
        else:
            goal_handle.abort()
        return to_trajectory_result(status)

    def _admit(self, goal: FollowJointTrajectory.Goal) -> JointTrajectory:
        """Return a goal's trajectory at the speed of this node, once it has passed every check."""
        trajectory = from_trajectory_msg(goal.trajectory, self._arm.joint_names)
        trajectory = trajectory.slowed(self._config.speed_scale)
        self._check.check(trajectory, self._arm.joint_state())
        if self._config.dry_run or self._config.confirm:
            self._shown.publish(to_trajectory_msg(trajectory, self._arm.joint_names))
        if self._config.dry_run:
            raise ArmStoppedError(
                "The trajectory passed every check and was shown; nothing moved.",
                StopReason.DRY_RUN,
            )
        return trajectory

    def _begin(self, goal_handle: ServerGoalHandle, trajectory: JointTrajectory) -> int:
        """Start a trajectory, after a person's consent where that is wanted; return its number."""
        with self._lock:
            self._newest += 1
            number = self._newest
        if self._config.confirm:
            self._await_consent(goal_handle, number, trajectory)
        with self._lock:
            if goal_handle.is_cancel_requested:
                raise CancelledError("The goal was cancelled before it began.")
            if number != self._newest:
                raise CommandRejectedError("A newer trajectory took this one's place.")
            self._arm.start_trajectory(trajectory)
            self._owner = number
        return number

    def _await_consent(
        self, goal_handle: ServerGoalHandle, number: int, trajectory: JointTrajectory
    ) -> None:
        way = trajectory.positions[-1] - self._arm.joint_state().positions
        parts = [
            f"{name} by {change:+.2f} rad"
            for name, change in zip(self._arm.joint_names, way, strict=True)
            if abs(change) > 0.005
        ]
        self.get_logger().warning(
            f"Waiting for {self.get_name()}/confirm to turn {', '.join(parts) or 'nothing'} "
            f"in {trajectory.duration:.1f} s."
        )
        self._confirmation.wait(
            self._config.confirm_timeout,
            lambda: (
                goal_handle.is_cancel_requested or number != self._newest or not self.is_active
            ),
        )

    def _watch(self, goal_handle: ServerGoalHandle, number: int, duration: float) -> MotionStatus:
        idle, deadline = threading.Event(), time.monotonic() + duration + _LONGEST
        commander = CommanderWatch(
            self._heartbeats,
            bytes(goal_handle.goal_id.uuid),
            self._config.heartbeat_timeout,
            self._config.requires_heartbeat,
        )
        is_silent = False
        while number == self._owner and self.is_active:
            is_silent = is_silent or commander.is_silent()
            if is_silent or goal_handle.is_cancel_requested or time.monotonic() > deadline:
                self._arm.stop()
            status = self._arm.motion_status()
            if not status.is_active:
                return self._ending(status, goal_handle.is_cancel_requested, is_silent)
            idle.wait(_POLL)
        raise CommandRejectedError("A newer trajectory took this one's place, or the node ended.")

    def _ending(self, status: MotionStatus, is_cancelled: bool, is_silent: bool) -> MotionStatus:
        if status.state is MotionState.FAULT:
            self.get_logger().error(f"The arm stopped: {status.message}")
        if status.state is not MotionState.STOPPED or is_cancelled:
            return status
        if not is_silent:
            message = "The arm was stopped by another command, or took too long."
            return MotionStatus(MotionState.FAULT, message, StopReason.OTHER)
        message = (
            f"The arm was stopped: its commander was silent for more than "
            f"{self._config.heartbeat_timeout} s."
        )
        self.get_logger().error(message)
        return MotionStatus(MotionState.FAULT, message, StopReason.COMMANDER_SILENT)


def _reason(error: DeviceError) -> StopReason:
    if isinstance(error, ArmStoppedError):
        return StopReason(error.reason)
    return StopReason.LINK_LOST if isinstance(error, NotConnectedError) else StopReason.REFUSED


def main() -> None:
    """Run the node in front of the real arm."""
    run(lambda: [ArmNode()], num_threads=4)


if __name__ == "__main__":
    main()
