"""A Robotiq 2F-85 in SI units."""

import logging
import threading
import time
from collections import deque

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.clock import Clock, WallClock
from equigrasp.devices.gripper import Gripper, GripperLimits, GripperState
from equigrasp.devices.motion import MotionState, MotionStatus
from equigrasp.errors import DeviceError, NotConnectedError
from equigrasp.hardware.robotiq import faults
from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.hardware.robotiq.link import Link
from equigrasp.hardware.robotiq.protocol import RobotiqProtocol, has_ended
from equigrasp.hardware.robotiq.registers import MAX_COUNTS, Activation, Detection, Status
from equigrasp.hardware.robotiq.scale import Scale

_logger = logging.getLogger(__name__)
_MOTION_TIMEOUT = 2.0  # [s] beyond the time of a whole stroke at the commanded speed
_CONTACTS = (Detection.CONTACT_OPENING, Detection.CONTACT_CLOSING)
_SPEED_WINDOW = 0.2  # [s] over which the speed is averaged; one count is 0.4 mm
_STUCK = 1  # counts that fingers moved at most ...
_SOME_WAY = 8  # ... of those that they were to move at least
# End stops beyond these are not those of the fingers.
_MAX_OPEN_COUNTS, _MIN_CLOSED_COUNTS = 25, 200


class RobotiqGripper(Gripper):
    """Drives the gripper over a link; may be used from several threads.

    A motion whose link is lost ends as FAULT, while the gripper itself carries on to its last
    goal; the next command opens the link again. The gripper keeps its activation meanwhile: where
    it did not (its power was off), commands are refused until `connect()` activates it anew. Fingers
    that do not move at all though they were told to open are blocked: that ends as FAULT. (Told to
    close, they may stand on an object, or round one as wide as they are open.)

    Counts are taken as linear in opening, speed and force between the limits, which the linkage
    is only roughly: about 0.4 mm a count (2F-85 & 2F-140 Instruction Manual, section 4.3; ranges
    from section 6).

    Args:
        description: The gripper.
        config: How it is reached.
        link: The way to it; see `make`.
        clock: Stamps measurements; the time of day, as ROS counts it, where None.
    """

    def __init__(
        self,
        description: GripperConfig,
        config: RobotiqConfig,
        link: Link,
        clock: Clock | None = None,
    ) -> None:
        self._description, self._config = description, config
        self._clock = clock or WallClock()
        self._protocol = RobotiqProtocol(link, config.activation_timeout)
        limits = description.limits
        self._widths = self._width_scale(config.open_counts, config.closed_counts)
        self._speeds = Scale(limits.min_speed, limits.max_speed, 0, MAX_COUNTS)
        self._forces = Scale(limits.min_force, limits.max_force, 0, MAX_COUNTS)
        self._lock = threading.RLock()
        self._is_connected = False
        self._target_counts = 0
        self._before: Status | None = None  # when the motion began
        self._deadline = 0.0  # of the running motion, steady clock [s]
        self._motion = MotionStatus(MotionState.IDLE)
        self._recent: deque[tuple[float, float]] = deque()  # times [s] and widths [m]

    @property
    def limits(self) -> GripperLimits:
        return self._description.limits

    @property
    def joint_names(self) -> tuple[str, ...]:
        return (self._description.joint_name,)

    def connect(self) -> None:
        """Reach the gripper; activate it where needed, which opens and closes the fingers.

        Raises:
            DeviceTimeoutError: if it does not answer, activate or arrive in bounded time.
            DeviceError: if it reports a fault, or its end stops are not where fingers have them.
        """
        with self._lock:
            if self._is_connected:
                return
            try:
                self._protocol.connect()
                if self._config.use_auto_calibration:
                    self._calibrate()
            except DeviceError:
                self._protocol.close()
                raise
            self._motion = MotionStatus(MotionState.IDLE)
            self._is_connected = True

    def disconnect(self) -> None:
        with self._lock:
            self.stop()
            self._protocol.close()
            self._is_connected = False

    def state(self) -> GripperState:
        """Read the gripper; raise `DeviceTimeoutError` while its link is lost."""
        with self._lock:
            self._require_connection()
            status = self._protocol.status()
            width = self._widths.to_value(status.position)
            speed = self._mean_speed(time.monotonic(), width)
            is_stalled = status.is_going and status.detection in _CONTACTS
            return GripperState(self._clock.stamp(), width, speed, is_stalled)

    def start_move(self, width: float, speed: float, force: float) -> None:
        with self._lock:
            self._require_connection()
            self.limits.check(width, speed, force)
            self._before = self._protocol.status()
            self._raise_unless_ready(self._before)
            self._target_counts = self._widths.to_counts(width)
            self._protocol.go_to(
                self._target_counts, self._speeds.to_counts(speed), self._forces.to_counts(force)
            )
            self._deadline = time.monotonic() + self.limits.stroke / speed + _MOTION_TIMEOUT
            self._motion = MotionStatus(MotionState.MOVING)

    def motion_status(self) -> MotionStatus:
        with self._lock:
            self._require_connection()
            if self._motion.is_active:
                self._follow()
            return self._motion

    def stop(self) -> None:
        with self._lock:
            if not self._is_connected:
                return
            if self._motion.is_active:
                self._follow()  # a grip that has begun is kept
            if self._motion.state in (MotionState.MOVING, MotionState.FAULT):
                self._hold()

    def _follow(self) -> None:
        """Take over what has become of the running motion."""
        try:
            status = self._protocol.status()
            self._raise_unless_ready(status)
        except DeviceError as error:
            self._motion = MotionStatus(MotionState.FAULT, str(error))
            return
        if has_ended(status, self._target_counts):
            self._motion = MotionStatus(MotionState.SUCCEEDED)
            if self._is_stuck(status):
                self._motion = MotionStatus(
                    MotionState.FAULT,
                    f"The Robotiq gripper's fingers stay at {status.position} counts, told to go to"
                    f" {self._target_counts}: are they blocked?",
                )
        elif time.monotonic() > self._deadline:
            self._hold()
            self._motion = MotionStatus(
                MotionState.FAULT,
                f"The Robotiq gripper did not reach {self._target_counts} counts"
                f" in time: {status}.",
            )

    def _is_stuck(self, status: Status) -> bool:
        """Tell fingers that cannot open from a grip from inside that was there before."""
        before = self._before
        if before is None or status.detection is not Detection.CONTACT_OPENING:
            return False
        if status.detection is before.detection:
            return False
        start = before.position
        is_far = abs(self._target_counts - start) >= _SOME_WAY
        return is_far and abs(status.position - start) <= _STUCK

    def _hold(self) -> None:
        try:
            self._protocol.hold()
        except DeviceError as error:
            _logger.error("The gripper could not be told to stop: %s", error)
            self._motion = MotionStatus(MotionState.FAULT, str(error))
        else:
            if self._motion.is_active:
                self._motion = MotionStatus(MotionState.STOPPED)

    def _raise_unless_ready(self, status: Status) -> None:
        if status.fault:
            raise DeviceError(faults.describe(status.fault))
        if status.activation is not Activation.COMPLETE:
            raise DeviceError(
                f"The Robotiq gripper is not activated (gSTA {status.activation}); was its power"
                " off? Disconnect and connect: it then activates, which moves the fingers."
            )

    def _require_connection(self) -> None:
        if not self._is_connected:
            raise NotConnectedError(f"Gripper '{self._description.name}' is not connected.")

    def _calibrate(self) -> None:
        _logger.warning("The Robotiq gripper measures its end stops: its fingers close and open.")
        opened, closed = self._protocol.measure_ends()
        if opened > _MAX_OPEN_COUNTS or closed < _MIN_CLOSED_COUNTS:
            raise DeviceError(
                f"The Robotiq gripper's end stops were measured at {opened} and {closed} counts;"
                f" open is at most {_MAX_OPEN_COUNTS}, closed at least {_MIN_CLOSED_COUNTS}."
                " Is something between the fingers?"
            )
        _logger.info("End stops of the Robotiq gripper: %d and %d counts.", opened, closed)
        self._widths = self._width_scale(opened, closed)

    def _width_scale(self, open_counts: int, closed_counts: int) -> Scale:
        return Scale(0.0, self.limits.stroke, closed_counts, open_counts)

    def _mean_speed(self, now: float, width: float) -> float:
        self._recent.append((now, width))
        while now - self._recent[0][0] > _SPEED_WINDOW:
            self._recent.popleft()
        began, start = self._recent[0]
        return (width - start) / (now - began) if now > began else 0.0
