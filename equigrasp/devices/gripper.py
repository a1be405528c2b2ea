"""Contract of a parallel gripper."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from equigrasp.devices.motion import MotionStatus
from equigrasp.errors import CommandRejectedError, ConfigError


@dataclass(frozen=True)
class GripperLimits:
    """Ranges of a parallel gripper.

    Args:
        stroke: Largest opening [m].
        min_force: Smallest grip force [N].
        max_force: Largest grip force [N].
        min_speed: Slowest closing speed of the opening [m/s].
        max_speed: Fastest closing speed of the opening [m/s].
    """

    stroke: float
    min_force: float
    max_force: float
    min_speed: float
    max_speed: float

    def __post_init__(self) -> None:
        if not (0 < self.stroke and 0 <= self.min_force < self.max_force):
            raise ConfigError(f"Gripper limits are not ordered: {self}.")
        if not 0 < self.min_speed < self.max_speed:
            raise ConfigError(f"Gripper speeds are not ordered: {self}.")

    def check(self, width: float, speed: float, force: float) -> None:
        """Raise `CommandRejectedError` unless all three are finite and in range."""
        ranges = {
            "width": (width, 0.0, self.stroke, "m"),
            "speed": (speed, self.min_speed, self.max_speed, "m/s"),
            "force": (force, self.min_force, self.max_force, "N"),
        }
        for name, (value, low, high, unit) in ranges.items():
            if not math.isfinite(value) or not low - 1e-9 <= value <= high + 1e-9:
                raise CommandRejectedError(
                    f"Gripper {name} {value} {unit} is not in [{low}, {high}] {unit}."
                )


@dataclass(frozen=True)
class GripperState:
    """Measured opening [m] and its speed [m/s], and whether the fingers stalled on something."""

    stamp: float
    width: float
    speed: float
    is_stalled: bool


class Gripper(ABC):
    """A parallel gripper that moves without blocking its caller; `limits` known before connect."""

    @property
    @abstractmethod
    def limits(self) -> GripperLimits:
        """Stroke, force and speed ranges."""

    @property
    @abstractmethod
    def joint_names(self) -> tuple[str, ...]:
        """Name of the driven joint, as `joint_states` reports it."""

    @abstractmethod
    def connect(self) -> None:
        """Reach and, where needed, activate the gripper."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let go of the device; may be called twice."""

    @abstractmethod
    def state(self) -> GripperState:
        """Return the newest measurement."""

    @abstractmethod
    def start_move(self, width: float, speed: float, force: float) -> None:
        """Begin to move the fingers to an opening [m] at a speed [m/s] with at most a force [N].

        The motion SUCCEEDS when the opening is reached or the fingers stall on an object.

        Raises:
            CommandRejectedError: if a value is out of `limits`; nothing moves.
        """

    @abstractmethod
    def motion_status(self) -> MotionStatus:
        """Return the state of the last move."""

    @abstractmethod
    def stop(self) -> None:
        """Hold the fingers where they are, keeping the grip; never raises."""

    def __enter__(self) -> "Gripper":
        self.connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.disconnect()
