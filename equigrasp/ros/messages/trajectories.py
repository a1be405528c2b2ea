"""Trajectories and how they ended, between messages and our types."""

import numpy as np
from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from trajectory_msgs.msg import JointTrajectoryPoint

from equigrasp.devices.motion import JointTrajectory, MotionState, MotionStatus, StopReason
from equigrasp.errors import CommandRejectedError, shortened
from equigrasp.ros.messages.times import to_time

MAX_POINTS = 10_000  # of a trajectory; planned ones have some hundreds
MAX_DURATION = 600.0  # [s] of a trajectory at its own speed


def to_trajectory_msg(
    trajectory: JointTrajectory, joint_names: tuple[str, ...]
) -> JointTrajectoryMsg:
    """Return a trajectory as a message that starts at once."""
    message = JointTrajectoryMsg(joint_names=list(joint_names))
    for t, positions, velocities in zip(
        trajectory.times, trajectory.positions, trajectory.velocities, strict=True
    ):
        message.points.append(to_joints_point(positions, velocities, float(t)))
    return message


def from_trajectory_msg(
    message: JointTrajectoryMsg, joint_names: tuple[str, ...]
) -> JointTrajectory:
    """Return a message as a trajectory with joints in our order.

    Points without velocities get 0 at the ends and central differences between. The message's stamp is
    not looked at: see `StartTime`.

    Raises:
        CommandRejectedError: if joints are missing or unknown, or points are malformed.
    """
    if len(message.points) > MAX_POINTS:  # before anything is made of them
        raise CommandRejectedError(
            f"The trajectory has more than {MAX_POINTS} points: too many to be followed."
        )
    if sorted(message.joint_names) != sorted(joint_names):
        raise CommandRejectedError(
            f"The trajectory names joints {list(message.joint_names)}; this arm has "
            f"{list(joint_names)}."
        )
    order = [list(message.joint_names).index(name) for name in joint_names]
    count = len(joint_names)
    if not message.points:
        raise CommandRejectedError("The trajectory has no points.")
    if any(
        len(p.positions) != count or len(p.velocities) not in (0, count) for p in message.points
    ):
        raise CommandRejectedError(f"Every trajectory point needs {count} positions.")
    times = np.array(
        [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in message.points]
    )
    if times[-1] > MAX_DURATION:
        raise CommandRejectedError(
            f"The trajectory takes {times[-1]:.0f} s; at most {MAX_DURATION:.0f} s are followed."
        )
    positions = np.array([list(p.positions) for p in message.points])[:, order]
    if all(len(p.velocities) for p in message.points):
        velocities = np.array([list(p.velocities) for p in message.points])[:, order]
    else:
        velocities = np.zeros_like(positions)
        if len(times) > 2 and (np.diff(times) > 0).all():
            velocities[1:-1] = np.gradient(positions, times, axis=0)[1:-1]
    return JointTrajectory(times, positions, velocities)


# FollowJointTrajectory's own codes are 0 to -5. A robot's own stops have codes of ours, and their name
# at the head of error_string, for clients that know neither.
_RESULT_CODES = {
    StopReason.NONE: FollowJointTrajectory.Result.SUCCESSFUL,
    StopReason.REFUSED: FollowJointTrajectory.Result.INVALID_GOAL,
    StopReason.TOO_LATE: FollowJointTrajectory.Result.OLD_HEADER_TIMESTAMP,
    StopReason.BLOCKED: FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED,
    StopReason.MISSED: FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED,
    StopReason.PROTECTIVE_STOP: -101,
    StopReason.EMERGENCY_STOP: -102,
    StopReason.NOT_READY: -103,
    StopReason.LINK_LOST: -104,
    StopReason.COMMANDER_SILENT: -105,
    StopReason.DRY_RUN: -106,
    StopReason.OTHER: -107,
}
_REASONS = {code: r for r, code in _RESULT_CODES.items() if r is not StopReason.NONE} | {
    FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED: StopReason.BLOCKED,
    FollowJointTrajectory.Result.INVALID_JOINTS: StopReason.REFUSED,
}
_CODE_NAMES = {
    getattr(FollowJointTrajectory.Result, name): name
    for name in (
        "INVALID_GOAL",
        "INVALID_JOINTS",
        "OLD_HEADER_TIMESTAMP",
        "PATH_TOLERANCE_VIOLATED",
        "GOAL_TOLERANCE_VIOLATED",
    )
}


def to_joints_point(
    positions: np.ndarray, velocities: np.ndarray, elapsed: float = 0.0
) -> JointTrajectoryPoint:
    """Return joint positions [rad] and velocities [rad/s] at a time of a trajectory [s] as a message."""
    point = JointTrajectoryPoint(positions=positions.tolist(), velocities=velocities.tolist())
    time = to_time(elapsed)
    point.time_from_start.sec, point.time_from_start.nanosec = time.sec, time.nanosec
    return point


def to_trajectory_result(status: MotionStatus) -> FollowJointTrajectory.Result:
    """Return how a trajectory ended as a result; a cancelled one has code 0."""
    name = status.reason.name
    is_named = _RESULT_CODES[status.reason] < -100
    return FollowJointTrajectory.Result(
        error_code=_RESULT_CODES[status.reason],
        error_string=f"{name}: {status.message}" if is_named else status.message,
    )


def from_trajectory_result(result: FollowJointTrajectory.Result, goal_status: int) -> MotionStatus:
    """Return how a trajectory ended, from our arm node or any other controller.

    The goal's status counts: some controllers leave the code at 0, some say why they succeeded.
    """
    if goal_status == GoalStatus.STATUS_SUCCEEDED and result.error_code == result.SUCCESSFUL:
        return MotionStatus(MotionState.SUCCEEDED)
    if goal_status == GoalStatus.STATUS_CANCELED:
        return MotionStatus(MotionState.STOPPED, "a client cancelled the trajectory")
    name = _CODE_NAMES.get(result.error_code, "")
    message = ": ".join(part for part in (name, shortened(result.error_string)) if part)
    reason = _REASONS.get(result.error_code, StopReason.OTHER)
    return MotionStatus(MotionState.FAULT, message or str(result.error_code), reason)
