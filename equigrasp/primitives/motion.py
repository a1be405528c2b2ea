"""Run trajectories and finger motions with bounded waits and truthful cancels."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.clock import Clock
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
_STOP_TIMEOUT = 1.0  # [s] that an arm may be seen to move after it was told to stop
# [s] within which an arm that is not seen to move says that it has stopped: before a goal that waits for
# this one's end gives up (`GoalSlot`)
_CONFIRM_TIMEOUT = 4.5
_MOVING = 0.05  # [rad/s]
_LONGEST_STEP = 0.25  # [s] counted between two looks: time may come late, and then all at once
_GRIPPER_TIMEOUT = 3.0  # [s] beyond the time that the stroke takes at the commanded speed


class _Patience:
    """Bounds a wait [s], by looks that are not far apart.

    The robot's time comes as messages, as do its states. After a stall it may jump ahead of the news that
    was waited for, which has not been looked at yet.
    """

    def __init__(self, clock: Clock, duration: float) -> None:
        self._clock, self._left = clock, duration
        self._last = clock.now()

    def is_over(self, pace: float = 1.0) -> bool:
        """Tell whether the time is up; to be asked at every look.

        Args:
            pace: How fast the time is used up.
        """
        now = self._clock.now()
        self._left -= min(_LONGEST_STEP, max(0.0, now - self._last)) * pace
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

        That it moves is told by new joint states only: an old one says nothing about now.

        Raises:
            DeviceTimeoutError: if the arm does not come to rest, or does not say so, in bounded time.
        """
        arm, clock = self.cell.arm, self.cell.clock
        arm.stop()
        self.cell.gripper.stop()
        moving = _Patience(clock, _STOP_TIMEOUT)
        unconfirmed = _Patience(clock, _CONFIRM_TIMEOUT)
        seen = math.nan
        while arm.motion_status().is_active:
            state = arm.joint_state()
            if state.stamp != seen:
                is_first, seen = math.isnan(seen), state.stamp  # the first may be from before
                is_moving = not is_first and not np.abs(state.velocities).max() < _MOVING
                if moving.is_over(pace=float(is_moving)):
                    raise DeviceTimeoutError(
                        f"The arm was told to stop and still moves after {_STOP_TIMEOUT} s."
                    )
            if unconfirmed.is_over():
                raise DeviceTimeoutError(
                    "The arm was told to stop and, by its controller's word, still moves after "
                    f"{_CONFIRM_TIMEOUT} s."
                )
            clock.pause()

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
        patience = _Patience(clock, trajectory.duration + self.cell.config.motion.motion_timeout)
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
            if patience.is_over(max(_SLOWEST, arm.speed_scaling())):  # the arm's own pace
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
        timeout = stroke_time + _GRIPPER_TIMEOUT
        patience = _Patience(clock, timeout)
        while True:
            self.check_cancel()
            status = gripper.motion_status()
            if not status.is_active:
                break
            if patience.is_over():
                self.halt()
                raise DeviceTimeoutError(
                    f"The gripper did not finish within {timeout:.1f} s.", Device.GRIPPER
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
        asked, patience = clock.stamp(), _Patience(clock, _STATE_TIMEOUT)
        while True:
            state = self.cell.arm.joint_state()
            is_settled = state.stamp >= asked and np.abs(state.velocities).max() < _AT_REST
            if is_settled or patience.is_over():
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
