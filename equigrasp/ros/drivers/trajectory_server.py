"""Carries out the goals of an arm's FollowJointTrajectory: checked, with consent, and watched."""

import threading
import time
import traceback
from collections.abc import Callable

from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTrajectoryControllerState
from rclpy.action import CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from unique_identifier_msgs.msg import UUID

from equigrasp.devices.arm import Arm
from equigrasp.devices.clock import Clock
from equigrasp.devices.motion import JointTrajectory, MotionState, MotionStatus, StopReason
from equigrasp.errors import (
    ArmStoppedError,
    CancelledError,
    CommandRejectedError,
    DeviceError,
    NotConnectedError,
    shortened,
)
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.arm_settings import ArmNodeConfig
from equigrasp.ros.drivers.confirmation import Confirmation
from equigrasp.ros.drivers.course import Course, Tolerances
from equigrasp.ros.drivers.start_time import StartTime, TooLateError
from equigrasp.ros.messages.tracking import (
    Tracking,
    to_controller_state_msg,
    to_feedback_msg,
)
from equigrasp.ros.messages.trajectories import (
    MAX_POINTS,
    from_trajectory_msg,
    to_trajectory_msg,
    to_trajectory_result,
)
from equigrasp.ros.runtime.action_server import ActionServer
from equigrasp.ros.runtime.bounded_trajectories import bounded_follow_joint_trajectory
from equigrasp.ros.runtime.commanders import Commanders
from equigrasp.ros.runtime.heartbeat import CommanderWatch, Heartbeats
from equigrasp.ros.runtime.managed_node import ManagedNode
from equigrasp.ros.runtime.parameters import Parameters

_POLL = 0.005  # [s] wall clock
_FEEDBACK_PERIOD = 0.05  # [s] wall clock
_END_TIMEOUT = 1.0  # [s] wall clock in which goals end when the node no longer is active
_LONGEST = 300.0  # [s] wall clock that one trajectory may take beyond its own duration


class TrajectoryServer:
    """One trajectory at a time; a new goal replaces the running one, as ros2_control does.

    Every trajectory is held against the cell's safety limits here, the last place before the wire,
    in simulation as on hardware.

    Args:
        node: Offers the action; while it is not active goals are refused.
        arm: Moves.
        check: Holds trajectories against the limits.
        parameters: The node's; each goal keeps those that it began with.
        clock: The robot's.
    """

    def __init__(
        self,
        node: ManagedNode,
        arm: Arm,
        check: TrajectoryCheck,
        parameters: Parameters[ArmNodeConfig],
        clock: Clock,
    ) -> None:
        self._node, self._arm, self._check, self._parameters = node, arm, check, parameters
        self._clock = clock
        self._num_goals = 0
        self._heartbeats, self._commanders = Heartbeats(), Commanders()
        self._confirmation = Confirmation()
        self._newest = 0  # number of the newest goal
        self._owner = 0  # number of the goal that the arm obeys
        self._owner_id = b""
        self._course: Course | None = None  # of the goal that the arm obeys
        self._lock = threading.Lock()
        group = node.callbacks
        self._shown = node.create_publisher(
            JointTrajectoryMsg, names.PLANNED_TRAJECTORY, qos.latched()
        )
        node.create_subscription(
            UUID, names.HEARTBEAT, self._hear, qos.reliable(2), callback_group=group
        )
        node.create_service(Trigger, "~/confirm", self._confirmation.give, callback_group=group)
        self._server = ActionServer(
            node,
            bounded_follow_joint_trajectory(MAX_POINTS + 1),  # one more, and it is refused
            names.FOLLOW_JOINT_TRAJECTORY,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=group,
        )

    @property
    def is_awaiting_consent(self) -> bool:
        """Whether a trajectory waits for a person's consent."""
        return self._confirmation.is_awaited

    @property
    def is_busy(self) -> bool:
        """Whether a trajectory runs, or waits to begin."""
        return self._num_goals > 0

    def state(self) -> JointTrajectoryControllerState:
        """Return where the joints should be and are, as ros2_control's controllers tell it."""
        arm, course = self._arm, self._course
        if course is not None and arm.motion_status().is_active:
            tracking = course.track()
        else:
            tracking = Tracking.at(arm.joint_state(), arm.set_point())
        return to_controller_state_msg(tracking, arm.joint_names, arm.speed_scaling())

    def wait_for_end(self) -> None:
        """Give the goals of a node that is no longer active a moment to end and answer."""
        deadline = time.monotonic() + _END_TIMEOUT
        while self.is_busy and time.monotonic() < deadline:
            time.sleep(_POLL)

    def _hear(self, goal_id: UUID) -> None:
        self._heartbeats.hear(goal_id)
        self._commanders.hear(goal_id)

    def _accept(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        if not self._node.is_active:
            self._node.get_logger().warning("Goal refused: the node is not active.")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        # Cancelling a goal that was replaced, or that still waits, is no business of the running one.
        if _id_of(goal_handle) == self._owner_id:
            self._arm.stop()
        return CancelResponse.ACCEPT

    def _execute(self, goal_handle: ServerGoalHandle) -> FollowJointTrajectory.Result:
        with self._lock:
            self._num_goals += 1
            config = self._parameters.values
        try:
            return self._carry_out(goal_handle, config)
        finally:
            with self._lock:
                self._num_goals -= 1

    def _carry_out(
        self, goal_handle: ServerGoalHandle, config: ArmNodeConfig
    ) -> FollowJointTrajectory.Result:
        try:
            if refusal := self._commanders.refusal(goal_handle.goal_id):
                raise CommandRejectedError(refusal)
            tolerances = Tolerances.of_goal(goal_handle.request, self._arm.joint_names)
            trajectory, start = self._admit(goal_handle.request, config)
            commander = CommanderWatch(
                self._heartbeats,
                _id_of(goal_handle),
                config.heartbeat_timeout,
                config.requires_heartbeat,
                self._clock,
            )
            number, course = self._begin(
                goal_handle, trajectory, tolerances, start, commander, config
            )
            duration, has_path = trajectory.duration, tolerances.has_path
            status = self._watch(goal_handle, number, course, duration, has_path, commander)
        except CancelledError:
            status = MotionStatus(MotionState.STOPPED)
        except DeviceError as error:
            status = MotionStatus(MotionState.FAULT, str(error), _reason(error))
            self._node.get_logger().error(f"Trajectory not followed: {error}")
        except Exception as error:  # nobody foresaw it: nothing moves on, and the client is told
            self._arm.stop()
            message = shortened(f"Unexpected {type(error).__name__}: {error}")
            status = MotionStatus(MotionState.FAULT, message, StopReason.OTHER)
            self._node.get_logger().error(shortened(traceback.format_exc()))
        if status.state is MotionState.SUCCEEDED:
            goal_handle.succeed()
        elif status.state is MotionState.STOPPED:
            goal_handle.canceled()
        else:
            goal_handle.abort()
        return to_trajectory_result(status)

    def _admit(
        self, goal: FollowJointTrajectory.Goal, config: ArmNodeConfig
    ) -> tuple[JointTrajectory, StartTime]:
        """Return a goal's trajectory at the speed of this node, and when it begins.

        It has passed every check from where the arm is now; one that begins later, what does not depend
        on where the arm will be then.
        """
        trajectory = from_trajectory_msg(goal.trajectory, self._arm.joint_names)
        start = StartTime(goal.trajectory.header.stamp, trajectory.duration, self._clock.stamp)
        trajectory = trajectory.slowed(config.speed_scale)
        if start.is_waiting and not config.dry_run:
            self._arm.limits.check_trajectory(
                trajectory, self._arm.joint_names, trajectory.positions[0]
            )
        else:
            self._judge(trajectory)
        is_watched = self._shown.get_subscription_count() > 0
        if is_watched or config.dry_run or config.confirm:
            self._shown.publish(to_trajectory_msg(trajectory, self._arm.joint_names))
        if config.dry_run:
            raise ArmStoppedError(
                "The trajectory passed every check and was shown; nothing moved.",
                StopReason.DRY_RUN,
            )
        return trajectory, start

    def _judge(self, trajectory: JointTrajectory) -> None:
        self._check.check(trajectory, self._arm.joint_state(), self._arm.set_point())

    def _begin(
        self,
        goal_handle: ServerGoalHandle,
        trajectory: JointTrajectory,
        tolerances: Tolerances,
        start: StartTime,
        commander: CommanderWatch,
        config: ArmNodeConfig,
    ) -> tuple[int, Course]:
        """Start a trajectory when its time has come, with a person's consent where that is wanted.

        Returns:
            Its number and where it leads.
        """
        with self._lock:
            self._newest += 1
            number = self._newest

        def is_over() -> bool:
            is_newest = number == self._newest
            return goal_handle.is_cancel_requested or not (is_newest and self._node.is_active)

        if config.confirm:
            self._await_consent(is_over, trajectory, config.confirm_timeout)
        start.wait(lambda: is_over() or commander.is_silent())
        if start.is_waiting and not is_over():
            raise ArmStoppedError(
                "The commander fell silent before the trajectory's time came; nothing moved.",
                StopReason.COMMANDER_SILENT,
            )
        with self._lock:
            if goal_handle.is_cancel_requested:
                raise CancelledError("The goal was cancelled before it began.")
            if is_over():
                raise CommandRejectedError(
                    "A newer trajectory took this one's place, or the node ended."
                )
            if self._parameters.values.is_careful_beside(config):
                raise CommandRejectedError(
                    "Speed, confirmation or dry run were set while the trajectory waited; nothing "
                    "moved. Send it again."
                )
            with self._arm.moment():  # the arm may be elsewhere by now
                self._judge(trajectory)
                course = Course(self._arm, trajectory, tolerances, self._clock)
                self._arm.start_trajectory(trajectory)
            self._owner, self._owner_id = number, _id_of(goal_handle)
            self._course = course
        return number, course

    def _await_consent(
        self, is_over: Callable[[], bool], trajectory: JointTrajectory, timeout: float
    ) -> None:
        way = trajectory.positions[-1] - self._arm.joint_state().positions
        parts = [
            f"{name} by {change:+.2f} rad"
            for name, change in zip(self._arm.joint_names, way, strict=True)
            if abs(change) > 0.005
        ]
        self._node.get_logger().warning(
            f"Waiting for {self._node.get_name()}/confirm to turn {', '.join(parts) or 'nothing'} "
            f"in {trajectory.duration:.1f} s."
        )
        self._confirmation.wait(timeout, is_over)

    def _watch(
        self,
        goal_handle: ServerGoalHandle,
        number: int,
        course: Course,
        duration: float,
        has_path: bool,
        commander: CommanderWatch,
    ) -> MotionStatus:
        idle, deadline = threading.Event(), time.monotonic() + duration + _LONGEST
        is_silent, next_report = False, 0.0
        violation: MotionStatus | None = None
        while number == self._owner and self._node.is_active:
            is_silent = is_silent or commander.is_silent()
            status, is_reporting = self._arm.motion_status(), time.monotonic() >= next_report
            has_arrived, is_cancelled = (
                status.state is MotionState.SUCCEEDED,
                goal_handle.is_cancel_requested,
            )
            is_following = status.state is MotionState.MOVING and (has_path or is_reporting)
            if (has_arrived or is_following) and not (is_silent or is_cancelled):
                violation = violation or course.violation(has_arrived)
            is_waiting = has_arrived and violation is None and not course.is_at_goal()
            if is_silent or violation or is_cancelled or time.monotonic() > deadline:
                self._arm.stop()
                status = self._arm.motion_status()
                if is_waiting:  # it rests already, but not near enough
                    status = MotionStatus(MotionState.STOPPED)
            elif is_waiting:
                status = MotionStatus(MotionState.MOVING)
            if not status.is_active:
                return self._ending(status, is_cancelled, is_silent, violation)
            if is_reporting:
                next_report = time.monotonic() + _FEEDBACK_PERIOD
                feedback = to_feedback_msg(course.track(), self._arm.joint_names)
                goal_handle.publish_feedback(feedback)
            idle.wait(_POLL)
        raise CommandRejectedError("A newer trajectory took this one's place, or the node ended.")

    def _ending(
        self,
        status: MotionStatus,
        is_cancelled: bool,
        is_silent: bool,
        violation: MotionStatus | None,
    ) -> MotionStatus:
        if status.state is MotionState.FAULT:
            self._node.get_logger().error(f"The arm stopped: {status.message}")
        if violation is not None and status.state is not MotionState.FAULT:
            self._node.get_logger().error(f"A tolerance was violated: {violation.message}")
            return violation
        if status.state is not MotionState.STOPPED or is_cancelled:
            return status
        if not is_silent:
            message = "The arm was stopped by another command, or took too long."
            return MotionStatus(MotionState.FAULT, message, StopReason.OTHER)
        message = (
            f"The arm was stopped: its commander was silent for more than "
            f"{self._parameters.values.heartbeat_timeout} s."
        )
        self._node.get_logger().error(message)
        return MotionStatus(MotionState.FAULT, message, StopReason.COMMANDER_SILENT)


def _id_of(goal_handle: ServerGoalHandle) -> bytes:
    return bytes(goal_handle.goal_id.uuid)


def _reason(error: DeviceError) -> StopReason:
    if isinstance(error, ArmStoppedError):
        return StopReason(error.reason)
    if isinstance(error, TooLateError):
        return StopReason.TOO_LATE
    return StopReason.LINK_LOST if isinstance(error, NotConnectedError) else StopReason.REFUSED
