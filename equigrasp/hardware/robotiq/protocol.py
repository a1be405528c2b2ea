"""Talk to a Robotiq gripper in its own integers: activate, go to, hold, measure end stops."""

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq import faults
from equigrasp.hardware.robotiq.link import Link
from equigrasp.hardware.robotiq.registers import (
    MAX_COUNTS,
    Activation,
    Command,
    Detection,
    Status,
)

T = TypeVar("T")

_logger = logging.getLogger(__name__)
_POLL = 0.01  # [s]
_RESET_TIMEOUT = 2.0  # [s]
# Faults for which an activation is no cure, or that it would cut short.
_NOT_CLEARED = (faults.OVERHEATED, faults.NO_COMMUNICATION, faults.RELEASING)
_STROKE_TIMEOUT = 6.0  # [s] a stroke at the slowest speed takes 4.3 s


class RobotiqProtocol:
    """A gripper on a link.

    A lost or confused link is opened anew and asked once more: every command names an absolute
    goal, so a repetition does no harm. What fails twice is raised, and the next call tries again.

    Args:
        link: The way to the gripper.
        activation_timeout: Bound on the activation [s].
    """

    def __init__(self, link: Link, activation_timeout: float) -> None:
        self._link = link
        self._activation_timeout = activation_timeout
        self._command = Command()

    def connect(self) -> None:
        """Reach the gripper, and activate it unless it is; an activation moves the fingers.

        Raises:
            DeviceTimeoutError: if it does not answer, or does not finish its activation in time.
            DeviceError: if it reports a fault that an activation does not clear.
        """
        status = self.status()
        if status.fault in _NOT_CLEARED:
            raise DeviceError(faults.describe(status.fault))
        if status.fault or status.activation is not Activation.COMPLETE:
            self._activate()
        self._command = Command(is_activated=True)

    def close(self) -> None:
        """Let go of the link; may be called twice."""
        self._link.close()

    def status(self) -> Status:
        """Read all registers."""
        status = self._exchange(self._link.read)
        if status.fault == faults.NO_COMMUNICATION:
            # It tells of a silence that this reading has just ended.
            status = self._exchange(self._link.read)
        return status

    def go_to(self, position: int, speed: int, force: int) -> None:
        """Begin to move to a position; all three in counts, 0 to 255."""
        self._write(Command(True, True, False, position, speed, force))

    def hold(self) -> None:
        """Stop the fingers where they are."""
        self._write(dataclasses.replace(self._command, is_going=False))

    def measure_ends(self) -> tuple[int, int]:
        """Close and open all the way, softly, and return the positions: open, closed [counts].

        Raises:
            DeviceError: if something is between the fingers or blocks them.
            DeviceTimeoutError: if they do not arrive in time.
        """
        closed, opened = (self._find_end(position) for position in (MAX_COUNTS, 0))
        return opened, closed

    def _find_end(self, position: int) -> int:
        self.go_to(position, MAX_COUNTS, 0)
        status = self._wait(
            lambda s: has_ended(s, position), _STROKE_TIMEOUT, f"reach position {position}"
        )
        if status.detection is not Detection.AT_REQUEST:
            raise DeviceError(
                f"The Robotiq gripper met something at {status.position} counts while it measured"
                " its end stops. Take it out from between the fingers."
            )
        return status.position

    def _activate(self) -> None:
        _logger.warning("The Robotiq gripper activates: its fingers open and close fully.")
        self._write(Command())
        self._wait(
            lambda s: s.activation is Activation.RESET and not s.is_activated,
            _RESET_TIMEOUT,
            "reset",
        )
        self._write(Command(is_activated=True))
        self._wait(
            lambda s: s.activation is Activation.COMPLETE, self._activation_timeout, "activate"
        )

    def _wait(self, is_done: Callable[[Status], bool], timeout: float, what: str) -> Status:
        deadline = time.monotonic() + timeout
        while not is_done(status := self.status()):
            is_early = not self._command.is_activated  # a reset is what clears a fault
            if status.fault >= faults.FIRST_MINOR and not is_early:
                raise DeviceError(faults.describe(status.fault))
            if time.monotonic() > deadline:
                hint = f" {faults.describe(status.fault)}" if status.fault else ""
                raise DeviceTimeoutError(
                    f"The Robotiq gripper did not {what} within {timeout} s: {status}.{hint}"
                )
            time.sleep(_POLL)
        return status

    def _write(self, command: Command) -> None:
        self._command = command
        self._exchange(lambda: self._link.write(command))

    def _exchange(self, call: Callable[[], T]) -> T:
        try:
            return self._attempt(call)
        except DeviceError as error:
            _logger.warning("%s Trying once more on a fresh link.", error)
            return self._attempt(call)

    def _attempt(self, call: Callable[[], T]) -> T:
        try:
            self._link.open()
            return call()
        except DeviceError:
            self._link.close()
            raise


def has_ended(status: Status, position: int) -> bool:
    """Return whether the motion to a requested position [counts] is over, there or at an object.

    gOBJ may still speak of the request before until gGTO and gPR echo the new one (section 4.4).
    """
    is_echoed = status.is_going and status.position_request == position
    return is_echoed and status.detection is not Detection.IN_MOTION
