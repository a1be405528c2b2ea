"""Faults of a Robotiq 2F gripper (gFLT): what each is, and what to do about it.

Source: Robotiq "2F-85 & 2F-140 Instruction Manual", section 4.4.3 (fault status). The remedies
are this project's words.
"""

from dataclasses import dataclass

NO_FAULT = 0x00
ACTION_DELAYED = 0x05
NOT_ACTIVATED = 0x07
OVERHEATED = 0x08
NO_COMMUNICATION = 0x09
RELEASING = 0x0B
RELEASED = 0x0F
FIRST_MINOR = OVERHEATED  # below: hints that the request came too early; the gripper is well
FIRST_MAJOR = 0x0A  # from here on: cleared only by a reset, a rising edge of rACT


@dataclass(frozen=True)
class Fault:
    """A fault's name, and what to do about it."""

    name: str
    remedy: str


_RECONNECT = "disconnect and connect: the gripper then activates again and moves its fingers"

FAULTS = {
    ACTION_DELAYED: Fault(
        "action delayed, activation must finish first", "wait until the gripper is activated"
    ),
    NOT_ACTIVATED: Fault("activation bit not set before an action", _RECONNECT),
    OVERHEATED: Fault(
        "maximum operating temperature exceeded", "let it cool down, then grip less or softer"
    ),
    NO_COMMUNICATION: Fault(
        "no communication for at least one second", "check cable, converter and bus load"
    ),
    0x0A: Fault("under minimum operating voltage", f"check the 24 V supply, then {_RECONNECT}"),
    RELEASING: Fault("automatic release in progress", f"wait until it ends, then {_RECONNECT}"),
    0x0C: Fault("internal fault", f"switch its power off and on, then {_RECONNECT}"),
    0x0D: Fault("activation fault", f"clear what blocks the fingers, then {_RECONNECT}"),
    0x0E: Fault("overcurrent triggered", f"free the fingers, then {_RECONNECT}"),
    RELEASED: Fault("automatic release completed", _RECONNECT),
}
_UNKNOWN = Fault("not in the manual", "look the code up in the gripper's newest manual")


def describe(code: int) -> str:
    """Return code, name and remedy of a gFLT other than 0, as one sentence."""
    fault = FAULTS.get(code, _UNKNOWN)
    return f"Robotiq fault 0x{code:02X}, {fault.name}: {fault.remedy}."
