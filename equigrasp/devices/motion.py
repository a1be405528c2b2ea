"""Joint states, trajectories, and how motions end: what arms and grippers speak of."""

import enum
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class JointState:
    """Measured joints: arrays of shape (n,), [rad], [rad/s], [N·m]; `stamp` [s]."""

    stamp: float
    positions: np.ndarray
    velocities: np.ndarray
    efforts: np.ndarray


@dataclass(frozen=True, eq=False)
class JointTrajectory:
    """Joint positions over time, to be joined by cubic splines where velocities are given.

    Args:
        times: Time from start of each point, shape (T,), strictly increasing, first ≥ 0 [s].
        positions: Shape (T, n) [rad].
        velocities: Shape (T, n) [rad/s]; the last row is zero.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    @property
    def duration(self) -> float:
        """Time of the last point [s]."""
        return float(self.times[-1])

    def slowed(self, scale: float) -> "JointTrajectory":
        """Return the same path at a share `scale` of its speed, in (0, 1]."""
        return JointTrajectory(
            np.asarray(self.times) / scale,
            self.positions,
            np.asarray(self.velocities) * scale,
        )


class MotionState(enum.Enum):
    """What an arm or gripper is doing with its last command."""

    IDLE = "idle"  # no command since connect
    MOVING = "moving"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"  # by stop(); at rest
    STOPPING = "stopping"  # by stop(); still decelerating
    FAULT = "fault"  # the device ended the motion; see MotionStatus.message


class StopReason(enum.Enum):
    """Why a motion ended otherwise than by its command, or why none can begin."""

    NONE = "none"
    TOO_LATE = "too late"  # the command was for a time that is over; nothing moved
    REFUSED = "refused"  # the command broke a limit; nothing moved
    BLOCKED = "blocked"  # the joints did not follow: something is in the way
    MISSED = "missed"  # the joints did not come as near their goal as was demanded, in time
    PROTECTIVE_STOP = "protective stop"  # by the robot's safety system, or an open safeguard
    EMERGENCY_STOP = "emergency stop"
    NOT_READY = "not ready"  # without power, brakes on, stopped at the pendant, in local control
    LINK_LOST = "link lost"
    COMMANDER_SILENT = "commander silent"  # who sent the command no longer watches over it
    DRY_RUN = "dry run"  # the command passed every check; nothing moved
    OTHER = "other"


@dataclass(frozen=True)
class MotionStatus:
    """State of the last commanded motion, and the reason where it failed."""

    state: MotionState
    message: str = ""
    reason: StopReason = StopReason.NONE

    @property
    def is_active(self) -> bool:
        """Whether the device still moves."""
        return self.state in (MotionState.MOVING, MotionState.STOPPING)
