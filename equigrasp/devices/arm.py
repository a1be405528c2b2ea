"""Contract of a robot arm that follows joint trajectories."""

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.limits import JointLimits
from equigrasp.errors import CommandRejectedError


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
    REFUSED = "refused"  # the command broke a limit; nothing moved
    BLOCKED = "blocked"  # the joints did not follow: something is in the way
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


class Arm(ABC):
    """An arm that follows joint trajectories without blocking its caller.

    `joint_names`, `limits` and `home_positions` are known before `connect()`. All commands are
    checked by `limits.check_trajectory` before anything moves. Starting a trajectory while
    another one runs replaces it: the new one must start from the present joint positions within
    `limits.start_tolerance`.
    """

    @property
    @abstractmethod
    def joint_names(self) -> tuple[str, ...]:
        """Names of the n joints, in the order of all arrays."""

    @property
    @abstractmethod
    def limits(self) -> JointLimits:
        """Limits that every command is held to."""

    @abstractmethod
    def connect(self) -> None:
        """Reach the device; raise `DeviceError` within a bounded time if that fails."""

    @abstractmethod
    def disconnect(self) -> None:
        """Stop the arm and let go of the device; may be called twice."""

    @abstractmethod
    def joint_state(self) -> JointState:
        """Return the newest measurement; raise `NotConnectedError` before `connect()`."""

    @abstractmethod
    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        """Begin to follow a trajectory and return at once.

        Raises:
            CommandRejectedError: if it breaks a limit, holds numbers that are not finite, or does
                not start where the arm is. Nothing moves, a running motion goes on.
            ArmStoppedError: if the robot's own safety functions hold it; see `recover`.
        """

    @abstractmethod
    def motion_status(self) -> MotionStatus:
        """Return the state of the last trajectory."""

    @abstractmethod
    def stop(self) -> None:
        """Decelerate to rest as fast as `limits.stop_accelerations` allow; never raises."""

    def recover(self) -> None:
        """Make an arm ready again after a protective or emergency stop.

        Only for a person to call, who has found the cause and seen that the cell is clear. Nothing
        moves but brakes.

        Raises:
            CommandRejectedError: if the arm has no such function, or is not to be recovered yet.
            DeviceError: if that fails.
        """
        raise CommandRejectedError("This arm cannot be recovered from here; see its own panel.")

    def tcp_force(self) -> np.ndarray | None:
        """Return the newest measured force on the TCP in base, shape (3,) [N].

        None where the arm does not measure it; what the gripper weighs is left out.
        """
        return None

    def speed_scaling(self) -> float:
        """Return the share of the commanded speed at which trajectories run now, 0 to 1."""
        return 1.0

    def __enter__(self) -> "Arm":
        self.connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.disconnect()
