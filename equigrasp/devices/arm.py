"""Contract of a robot arm that follows joint trajectories."""

import contextlib
from abc import ABC, abstractmethod

import numpy as np

from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointState, JointTrajectory, MotionStatus
from equigrasp.errors import CommandRejectedError


class Arm(ABC):
    """An arm that follows joint trajectories without blocking its caller.

    `joint_names`, `limits` and `home_positions` are known before `connect()`. All commands are
    checked by `limits.check_trajectory` before anything moves. Starting a trajectory while
    another one runs replaces it: the new one must start from the present joint positions within
    `limits.start_tolerance`. What is followed is the trajectory as `join_trajectory` joins it to the
    set-point: no set-point ever jumps.
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

    def set_point(self) -> JointState:
        """Return where the joints are commanded to be now, and how fast: what a trajectory is joined to.

        Joints that move lag behind it. Of an arm that does not tell, it is what is measured.
        """
        return self.joint_state()

    def moment(self) -> contextlib.AbstractContextManager[object]:
        """Keep the set-point where it is, where that can be done: what is judged inside begins there."""
        return contextlib.nullcontext()

    def steer(self, trajectory: JointTrajectory) -> None:
        """Begin a piece of motion of a controller that steers the arm cycle by cycle.

        Such a controller answers for speeds and accelerations itself; a simulated arm takes what it
        sends as it comes, checked as by `limits.check_trajectory`.
        """
        self.start_trajectory(trajectory)

    @abstractmethod
    def motion_status(self) -> MotionStatus:
        """Return the state of the last trajectory."""

    def fault(self) -> MotionStatus | None:
        """Return why the arm takes no command now, such as a protective stop; None: it does.

        Raises:
            NotConnectedError: if nothing is known of it.
        """
        return None

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
