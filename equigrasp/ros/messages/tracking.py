"""How well joints follow a trajectory, as controllers tell it."""

from dataclasses import dataclass

import numpy as np
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTrajectoryControllerState

from equigrasp.devices.motion import JointState
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.messages.trajectories import to_joints_point


@dataclass(frozen=True, eq=False)
class Tracking:
    """Where joints should be and are.

    Args:
        stamp: Of the measurement [s].
        elapsed: Time of the trajectory [s].
        desired: Positions [rad] and velocities [rad/s], shape (n,) each.
        actual: The same, measured.
    """

    stamp: float
    elapsed: float
    desired: tuple[np.ndarray, np.ndarray]
    actual: tuple[np.ndarray, np.ndarray]

    @classmethod
    def at(cls, state: JointState, set_point: JointState) -> "Tracking":
        """Return that of an arm that follows no trajectory."""
        return cls(
            state.stamp,
            0.0,
            (set_point.positions, set_point.velocities),
            (state.positions, state.velocities),
        )

    @property
    def error(self) -> tuple[np.ndarray, np.ndarray]:
        """Desired minus actual [rad, rad/s]."""
        return self.desired[0] - self.actual[0], self.desired[1] - self.actual[1]


def to_feedback_msg(
    tracking: Tracking, joint_names: tuple[str, ...]
) -> FollowJointTrajectory.Feedback:
    """Return what a client is told on the way."""
    message = FollowJointTrajectory.Feedback(
        joint_names=list(joint_names),
        desired=to_joints_point(*tracking.desired, tracking.elapsed),
        actual=to_joints_point(*tracking.actual, tracking.elapsed),
        error=to_joints_point(*tracking.error, tracking.elapsed),
    )
    message.header.stamp = to_time(tracking.stamp)
    return message


def to_controller_state_msg(
    tracking: Tracking, joint_names: tuple[str, ...], speed_scaling: float
) -> JointTrajectoryControllerState:
    """Return the state of a controller whose trajectory runs at a share `speed_scaling` of its speed."""
    message = JointTrajectoryControllerState(
        joint_names=list(joint_names),
        reference=to_joints_point(*tracking.desired, tracking.elapsed),
        feedback=to_joints_point(*tracking.actual, tracking.elapsed),
        error=to_joints_point(*tracking.error, tracking.elapsed),
        speed_scaling_factor=float(speed_scaling),
    )
    message.header.stamp = to_time(tracking.stamp)
    return message
