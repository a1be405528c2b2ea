"""Registers of a Robotiq 2F gripper as typed values, the same over every transport.

Source: Robotiq "2F-85 & 2F-140 Instruction Manual", section 4.2 (table of the bytes), 4.3 (what
the robot writes) and 4.4 (what it reads). Bit 0 is the least significant one.
"""

import enum
from dataclasses import dataclass

from equigrasp.errors import DeviceError

MAX_COUNTS = 255

_ACT, _GTO, _ATR = 1 << 0, 1 << 3, 1 << 4  # bits of byte 0, written and read
_STA_SHIFT, _OBJ_SHIFT = 4, 6  # of byte 0, read
FAULT_MASK = 0x0F  # the upper half of byte 2 belongs to the optional controller


class Activation(enum.IntEnum):
    """gSTA, section 4.4.1; 2 is not used."""

    RESET = 0
    IN_PROGRESS = 1
    COMPLETE = 3


class Detection(enum.IntEnum):
    """gOBJ, section 4.4.1: meaningless unless gGTO is set."""

    IN_MOTION = 0
    CONTACT_OPENING = 1
    CONTACT_CLOSING = 2
    AT_REQUEST = 3


@dataclass(frozen=True)
class Command:
    """What the robot writes, section 4.3.

    Args:
        is_activated: rACT; a rising edge activates, 0 resets the gripper and its fault.
        is_going: rGTO: go to the requested position; 0 stops the fingers.
        is_releasing: rATR: slow emergency release, which ends in a fault.
        position: rPR, 0 (open) to 255 (closed).
        speed: rSP, 0 to 255.
        force: rFR, 0 to 255.
    """

    is_activated: bool = False
    is_going: bool = False
    is_releasing: bool = False
    position: int = 0
    speed: int = 0
    force: int = 0

    def __post_init__(self) -> None:
        for name in ("position", "speed", "force"):
            if not 0 <= getattr(self, name) <= MAX_COUNTS:
                raise DeviceError(
                    f"Robotiq {name} {getattr(self, name)} is not in [0, {MAX_COUNTS}] counts."
                )

    def to_bytes(self) -> bytes:
        """Return the six bytes of the output registers."""
        action = self.is_activated * _ACT | self.is_going * _GTO | self.is_releasing * _ATR
        return bytes([action, 0, 0, self.position, self.speed, self.force])

    @classmethod
    def from_bytes(cls, data: bytes) -> "Command":
        """Read the six bytes of the output registers."""
        action = data[0]
        return cls(
            is_activated=bool(action & _ACT),
            is_going=bool(action & _GTO),
            is_releasing=bool(action & _ATR),
            position=data[3],
            speed=data[4],
            force=data[5],
        )


@dataclass(frozen=True)
class Status:
    """What the robot reads, section 4.4.

    Args:
        is_activated: gACT, echo of rACT.
        is_going: gGTO, echo of rGTO.
        activation: gSTA.
        detection: gOBJ.
        fault: gFLT; see `faults`.
        position_request: gPR, echo of rPR: once it is there, the rest speaks of this request.
        position: gPO, 0 (open) to 255 (closed).
        current_counts: gCU, about 10 mA a count; None where the transport does not tell it.
    """

    is_activated: bool
    is_going: bool
    activation: Activation
    detection: Detection
    fault: int
    position_request: int
    position: int
    current_counts: int | None = None

    def to_bytes(self) -> bytes:
        """Return the six bytes of the input registers."""
        status = self.is_activated * _ACT | self.is_going * _GTO
        status |= self.activation << _STA_SHIFT | self.detection << _OBJ_SHIFT
        current = self.current_counts or 0
        return bytes([status, 0, self.fault, self.position_request, self.position, current])

    @classmethod
    def from_bytes(cls, data: bytes) -> "Status":
        """Read the six bytes of the input registers; raise `DeviceError` if gSTA is invalid."""
        return cls(
            is_activated=bool(data[0] & _ACT),
            is_going=bool(data[0] & _GTO),
            activation=to_activation(data[0] >> _STA_SHIFT & 0b11),
            detection=Detection(data[0] >> _OBJ_SHIFT),
            fault=data[2] & FAULT_MASK,
            position_request=data[3],
            position=data[4],
            current_counts=data[5],
        )


def to_activation(value: int) -> Activation:
    """Return gSTA as an `Activation`; raise `DeviceError` on a value that the manual lacks."""
    try:
        return Activation(value)
    except ValueError as error:
        raise DeviceError(
            f"The Robotiq gripper reports gSTA {value}, which is not one of 0, 1, 3."
        ) from error
