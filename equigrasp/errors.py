"""Every exception that equigrasp raises on purpose."""

import enum

LONGEST_MESSAGE = 2000  # letters of an error, of a line of a log


def shortened(text: object, longest: int = LONGEST_MESSAGE) -> str:
    """Return a text of others, or what tells of it, without its middle where it is long.

    Args:
        text: Anything that becomes text; a message of ROS or a file may hold megabytes.
        longest: Letters that are left; head and tail say what it was, and often what is valid.
    """
    whole = str(text)
    if len(whole) <= longest:
        return whole
    tail = longest // 3
    return f"{whole[: longest - tail - 1]}…{whole[-tail:] if tail else ''}"


class EquigraspError(Exception):
    """Base of all errors of this package. Whatever it tells of, its text is short."""

    def __str__(self) -> str:
        return shortened(super().__str__())


class ConfigError(EquigraspError):
    """A configuration file or value is unknown, missing or out of range."""


class PoseError(EquigraspError, ValueError):
    """Numbers that are no pose: not finite, or of a rotation without a direction."""


class Device(enum.Enum):
    """Which part of a cell an error is about."""

    ARM = "arm"
    GRIPPER = "gripper"
    CAMERA = "camera"


class DeviceError(EquigraspError):
    """A device misbehaved or could not be reached.

    Attributes:
        device: Which one; the arm where nothing is said.
    """

    def __init__(self, message: str = "", device: Device = Device.ARM) -> None:
        super().__init__(message)
        self.device = device


class NotConnectedError(DeviceError):
    """A device was used before `connect()` or after `disconnect()`."""


class CommandRejectedError(DeviceError):
    """A command broke a limit or was malformed; nothing moved."""


class ArmStoppedError(CommandRejectedError):
    """An arm was stopped by something else than its command, or still is and takes no command.

    Attributes:
        reason: A `devices.arm.StopReason`.
    """

    def __init__(self, message: str, reason: enum.Enum) -> None:
        super().__init__(message)
        self.reason = reason


class DeviceTimeoutError(DeviceError):
    """A device did not answer within its bounded wait."""


class PlanningError(EquigraspError):
    """No motion satisfies the request."""


class UnreachableError(PlanningError):
    """No joint positions reach the requested pose within the joint limits."""


class CollisionError(PlanningError):
    """The requested pose or path touches the scene or the robot itself."""


class PerceptionError(EquigraspError):
    """An image or heightmap is empty, not finite or of the wrong shape."""


class CalibrationError(EquigraspError):
    """Measurements do not determine a calibration, contradict each other, or fail its bounds."""


class CancelledError(EquigraspError):
    """A motion ended because its caller asked for it."""


class ReplayError(EquigraspError):
    """A replay buffer or experience log was misused or is damaged."""


class WeightsError(EquigraspError):
    """A weight file is truncated, altered, or does not fit the network."""
