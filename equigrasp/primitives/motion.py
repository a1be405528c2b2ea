"""Run trajectories and finger motions with bounded waits and truthful cancels."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointTrajectory, MotionState, StopReason
from equigrasp.errors import (
    ArmStoppedError,
    CancelledError,
    Device,
    DeviceError,
    DeviceTimeoutError,
)

_STATE_TIMEOUT = 0.5  # [s] to wait for a joint state that is newer than the question
_AT_REST = 0.02  # [rad/s]
_SLOWEST = 0.02  # speed scaling below which a wait does not get longer
_STOP_TIMEOUT = 1.0  # [s] within which a stopped arm must report to be at rest
_GRIPPER_TIMEOUT = 3.0  # [s] beyond the time that the stroke takes at the commanded speed


class _Patience:
    """Bounds a wait for a motion [s]: a trajectory's time runs at the arm's own pace."""

    def __init__(self, cell: RobotCell, duration: float) -> None:
        self._cell = cell
        self._left = duration + cell.config.motion.motion_timeout
        self._last = cell.clock.now()

    def is_over(self) -> bool:
        """Tell whether the arm has had its time; to be asked all the time."""
        now = self._cell.clock.now()
        self._left -= max(0.0, now - self._last) * max(_SLOWEST, self._cell.arm.speed_scaling())
        self._last = now
        return self._left < 0.0


class Motion:
    """Moves one cell; keeps account of the time in which something moved.

    Args:
        cell: The devices.
        cancel: Set from any thread to stop; every wait ends within one poll.
    """

    def __init__(self, cell: RobotCell, cancel: threading.Event) -> None:
        self.cell = cell
        self.cancel = cancel
        self.busy_time = 0.0

    def check_cancel(self) -> None:
        """Raise `CancelledError` if a cancel was asked for, with arm and fingers at rest."""
        if self.cancel.is_set():
            self.halt()
            raise CancelledError("The motion was cancelled.")

    def halt(self) -> None:
        """Stop arm and fingers and wait until the arm is at rest.

        Raises:
            DeviceTimeoutError: if the arm does not come to rest in bounded time.
        """
        self.cell.arm.stop()
        self.cell.gripper.stop()
        deadline = self.cell.clock.now() + _STOP_TIMEOUT
        while self.cell.arm.motion_status().is_active:
            if self.cell.clock.now() > deadline:
                raise DeviceTimeoutError(
                    f"The arm was told to stop and still moves after {_STOP_TIMEOUT} s."
                )
            self.cell.clock.pause()

    def follow(
        self,
        trajectory: JointTrajectory,
        *,
        guard: Callable[[], bool] | None = None,
        watch: Callable[[], None] | None = None,
    ) -> MotionState:
        """Follow a trajectory to its end.

        Args:
            trajectory: What to follow.
            guard: Asked at every new joint state; True stops the arm. With a guard, running into
                something is an end that the caller deals with.
            watch: Called at every new joint state.

        Returns:
            SUCCEEDED; with a guard also STOPPED, by the guard, or FAULT: the device ended the
            motion itself because something blocked it.

        Raises:
            CancelledError: after the arm came to rest.
            ArmStoppedError: if the arm refused, failed or was stopped by someone else.
            DeviceTimeoutError: if it is not done `motion_timeout` after its planned end.
        """
        arm, clock = self.cell.arm, self.cell.clock
        self.check_cancel()
        began = clock.now()
        patience = _Patience(self.cell, trajectory.duration)
        arm.start_trajectory(trajectory)
        is_heard = guard is not None or watch is not None
        is_guarded, seen = False, arm.joint_state().stamp
        while True:
            clock.pause()
            self.check_cancel()
            status = arm.motion_status()
            if not status.is_active:
                break
            stamp = arm.joint_state().stamp if is_heard else seen
            if stamp != seen:  # in either direction: somebody may set the driver's clock
                seen = stamp
                if watch is not None:
                    watch()
                if guard is not None and not is_guarded and guard():
                    is_guarded = True
                    arm.stop()
            if patience.is_over():
                self.halt()
                raise DeviceTimeoutError(
                    f"The arm did not finish a motion of {trajectory.duration:.2f} s within "
                    f"{self.cell.config.motion.motion_timeout:.1f} s beyond it."
                )
        self.busy_time += clock.now() - began
        is_blocked = guard is not None and status.reason is StopReason.BLOCKED
        is_stopped_here = is_guarded and status.state is MotionState.STOPPED
        if status.state is MotionState.SUCCEEDED or is_blocked or is_stopped_here:
            return status.state
        self.check_cancel()  # who cancels may stop the arm as well
        raise ArmStoppedError(
            f"The arm's motion ended as {status.state.value}: {status.message}", status.reason
        )

    def start_fingers(self, width: float, force: float | None = None) -> None:
        """Begin to move the fingers to an opening [m]."""
        motion = self.cell.config.motion
        self.cell.gripper.start_move(width, motion.grasp_speed, force or motion.grasp_force)

    def open_fingers(self) -> None:
        """Open the fingers all the way, and wait; errors as `wait_for_fingers`."""
        self.start_fingers(self.cell.gripper_config.limits.stroke)
        self.wait_for_fingers()

    def wait_for_fingers(self) -> None:
        """Wait until the fingers have arrived or stalled on something.

        Raises:
            CancelledError: after arm and fingers came to rest.
            DeviceError: if the gripper failed.
            DeviceTimeoutError: if it does not answer in bounded time.
        """
        gripper, clock = self.cell.gripper, self.cell.clock
        began = clock.now()
        stroke_time = gripper.limits.stroke / self.cell.config.motion.grasp_speed
        deadline = began + stroke_time + _GRIPPER_TIMEOUT
        while True:
            self.check_cancel()
            status = gripper.motion_status()
            if not status.is_active:
                break
            if clock.now() > deadline:
                self.halt()
                raise DeviceTimeoutError(
                    f"The gripper did not finish within {deadline - began:.1f} s.", Device.GRIPPER
                )
            clock.pause()
        self.busy_time += clock.now() - began
        if status.state is not MotionState.SUCCEEDED:
            raise DeviceError(
                f"The gripper ended as {status.state.value}: {status.message}", Device.GRIPPER
            )

    def joint_positions(self) -> np.ndarray:
        """Return where the arm rests, shape (n,) [rad].

        A joint state that is older than the call or shows the arm moving is not taken while a better
        one may come: it could stem from the motion before.
        """
        clock = self.cell.clock
        asked, deadline = clock.stamp(), clock.now() + _STATE_TIMEOUT
        while True:
            state = self.cell.arm.joint_state()
            is_settled = state.stamp >= asked and np.abs(state.velocities).max() < _AT_REST
            if is_settled or clock.now() > deadline:
                return state.positions
            clock.pause()


@contextlib.contextmanager
def halted_on_error(motion: Motion) -> Iterator[None]:
    """Leave nothing moving behind, whatever ends the block."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(DeviceError):  # the first error is the one to report
            motion.halt()
        raise
