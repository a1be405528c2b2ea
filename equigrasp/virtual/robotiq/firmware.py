"""The firmware of a virtual Robotiq gripper: registers on one side, a device on the other."""

import threading
from collections import deque

from equigrasp.devices.gripper import Gripper
from equigrasp.hardware.robotiq import faults
from equigrasp.hardware.robotiq.registers import (
    MAX_COUNTS,
    Activation,
    Command,
    Detection,
    Status,
)
from equigrasp.hardware.robotiq.scale import Scale

_MOVING_CURRENT = 16  # counts: 160 mA, as in the manual's worked example (section 4.7)


class VirtualRobotiq:
    """Behaves as the manual describes the registers (sections 4.3 and 4.4), at the device's pace.

    It moves the device behind it for an activation (open, then close), a request or an automatic
    release, and takes motion and contact from it. Time is the device's own: nothing runs here
    between two calls.

    Args:
        gripper: The device that moves, connected.
        open_counts: Position that it reports with its fingers open.
        closed_counts: Position that it reports with its fingertips together.
    """

    def __init__(self, gripper: Gripper, open_counts: int = 3, closed_counts: int = 230) -> None:
        self._gripper = gripper
        limits = gripper.limits
        self._widths = Scale(0.0, limits.stroke, closed_counts, open_counts)
        self._speeds = Scale(limits.min_speed, limits.max_speed, 0, MAX_COUNTS)
        self._forces = Scale(limits.min_force, limits.max_force, 0, MAX_COUNTS)
        self._lock = threading.Lock()
        self._command = Command()
        self._activation = Activation.RESET
        self._fault = faults.NO_FAULT
        self._is_releasing = self._is_blocked = False
        self._strokes: deque[float] = deque()  # openings [m] that the activation has yet to reach
        self.num_activations = 0

    @property
    def command(self) -> Command:
        """The output registers as they were last written."""
        return self._command

    def write(self, command: Command) -> None:
        """Take the output registers over, all at once."""
        with self._lock:
            self._update()
            last, self._command = self._command, command
            if not command.is_activated:
                self._reset()
                self._fault = faults.NOT_ACTIVATED if command.is_going else faults.NO_FAULT
            elif not last.is_activated:
                self._begin_activation()
            elif command.is_releasing and not last.is_releasing:
                self._begin_release()
            elif command != last:
                self._act()

    def read(self) -> Status:
        """Return the input registers."""
        with self._lock:
            self._update()
            state = self._gripper.state()
            is_moving = self._gripper.motion_status().is_active
            return Status(
                is_activated=self._command.is_activated,
                is_going=self._is_going(),
                activation=self._activation,
                detection=self._detection(),
                fault=self._fault,
                position_request=self._command.position,
                position=self._widths.to_counts(state.width),
                current_counts=_MOVING_CURRENT if is_moving else 0,
            )

    def raise_fault(self, code: int) -> None:
        """Have a fault (gFLT); a major one stops the fingers and lasts until the next reset."""
        with self._lock:
            self._fault = code
            if code >= faults.FIRST_MAJOR:
                self._activation = Activation.RESET
                self._strokes.clear()
                self._gripper.stop()

    def block(self) -> None:
        """Fault: something holds the fingers where they are, until `unblock`."""
        with self._lock:
            self._is_blocked = True
            self._gripper.stop()

    def unblock(self) -> None:
        """Let the fingers go where they were told to."""
        with self._lock:
            self._is_blocked = False
            if self._is_going():
                self._act()

    def switch_off_and_on(self) -> None:
        """Lose power for a moment: the fingers stop, the activation is gone."""
        with self._lock:
            self._command = Command()
            self._reset()

    def _reset(self) -> None:
        self._activation, self._fault = Activation.RESET, faults.NO_FAULT
        self._is_releasing = False
        self._strokes.clear()
        self._gripper.stop()

    def _begin_activation(self) -> None:
        self.num_activations += 1
        self._activation, self._fault = Activation.IN_PROGRESS, faults.NO_FAULT
        self._strokes = deque([self._gripper.limits.stroke, 0.0])
        self._next_stroke()

    def _begin_release(self) -> None:
        limits = self._gripper.limits
        self._activation, self._fault = Activation.RESET, faults.RELEASING
        self._is_releasing = True
        self._gripper.start_move(limits.stroke, limits.min_speed, limits.max_force)

    def _act(self) -> None:
        """Do what the registers ask for, or say why not."""
        if self._activation is Activation.IN_PROGRESS and self._command.is_going:
            self._fault = faults.ACTION_DELAYED
        elif self._is_blocked:
            return
        elif self._is_going():
            self._gripper.start_move(
                self._widths.to_value(self._command.position),
                self._speeds.to_value(self._command.speed),
                self._forces.to_value(self._command.force),
            )
        elif self._activation is Activation.COMPLETE:
            self._gripper.stop()

    def _update(self) -> None:
        """Go on with what takes time."""
        if self._is_blocked or self._gripper.motion_status().is_active:
            return
        if self._is_releasing:
            self._is_releasing, self._fault = False, faults.RELEASED
        elif self._strokes:
            self._next_stroke()
        elif self._activation is Activation.IN_PROGRESS:
            self._activation, self._fault = Activation.COMPLETE, faults.NO_FAULT
            if self._command.is_going:
                self._act()

    def _next_stroke(self) -> None:
        limits = self._gripper.limits
        self._gripper.start_move(self._strokes.popleft(), limits.max_speed, limits.min_force)

    def _is_going(self) -> bool:
        return self._command.is_going and self._activation is Activation.COMPLETE

    def _detection(self) -> Detection:
        if not self._is_going() or self._gripper.motion_status().is_active:
            return Detection.IN_MOTION
        state = self._gripper.state()
        is_there = self._widths.to_counts(state.width) == self._command.position
        if not (state.is_stalled or self._is_blocked) or is_there:
            return Detection.AT_REQUEST
        is_closing = self._widths.to_value(self._command.position) < state.width
        return Detection.CONTACT_CLOSING if is_closing else Detection.CONTACT_OPENING
