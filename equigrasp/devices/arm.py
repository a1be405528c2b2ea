"""Contract of a robot arm that follows joint trajectories."""

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.limits import JointLimits


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


class MotionState(enum.Enum):
    """What an arm or gripper is doing with its last command."""

    IDLE = "idle"  # no command since connect
    MOVING = "moving"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"  # by stop(); at rest
    STOPPING = "stopping"  # by stop(); still decelerating
    FAULT = "fault"  # the device ended the motion; see MotionStatus.message


@dataclass(frozen=True)
class MotionStatus:
    """State of the last commanded motion, and the reason where it failed."""

    state: MotionState
    message: str = ""

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
        """

    @abstractmethod
    def motion_status(self) -> MotionStatus:
        """Return the state of the last trajectory."""

    @abstractmethod
    def stop(self) -> None:
        """Decelerate to rest as fast as `limits.stop_accelerations` allow; never raises."""

    def __enter__(self) -> "Arm":
        self.connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.disconnect()
