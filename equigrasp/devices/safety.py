"""The limits of a cell: what no command may exceed, whoever sends it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

from equigrasp.devices.gripper import GripperLimits
from equigrasp.devices.limits import JointLimits
from equigrasp.errors import CommandRejectedError, ConfigError


@dataclass(frozen=True)
class SafetyBox:
    """Box in the base frame: lower and upper corner [m]."""

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (*self.lower, *self.upper)):
            raise ConfigError(f"The box must be finite: lower {self.lower}, upper {self.upper}.")
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ConfigError(f"The box has no inside: lower {self.lower}, upper {self.upper}.")

    def check(self, position: tuple[float, float, float]) -> None:
        """Raise `CommandRejectedError` unless a TCP position [m] is finite and inside."""
        for axis, value, low, high in zip("xyz", position, self.lower, self.upper, strict=True):
            if not (math.isfinite(value) and low <= value <= high):
                raise CommandRejectedError(
                    f"TCP {axis} = {value:.3f} m is outside the safety box [{low}, {high}] m."
                )


@dataclass(frozen=True)
class SafetyLimits:
    """Limits of a cell, as `config/safety/<name>.yaml` describes them.

    They can only narrow what the data sheets of arm and gripper allow.

    Args:
        box: What TCP and fingertips never leave.
        link_height: Elbow, wrists and flange stay above this height in base [m].
        joint_lower: Smallest joint positions, n [rad].
        joint_upper: Largest joint positions, n [rad].
        joint_velocities: Largest joint speeds, n [rad/s].
        joint_accelerations: Largest joint accelerations, n [rad/s²].
        tcp_speed: Largest speed of the TCP [m/s].
        contact_force: Vertical force on the TCP at which a descent is stopped [N].
        push_force: Force on the TCP at which a push is stopped [N].
        grip_force: Largest grip force [N].
        finger_speed: Largest speed of the opening [m/s].
    """

    box: SafetyBox
    link_height: float
    joint_lower: tuple[float, ...]
    joint_upper: tuple[float, ...]
    joint_velocities: tuple[float, ...]
    joint_accelerations: tuple[float, ...]
    tcp_speed: float
    contact_force: float
    push_force: float
    grip_force: float
    finger_speed: float

    config_kind: ClassVar[str] = "safety"  # a cell names the file

    def __post_init__(self) -> None:
        if not math.isfinite(self.link_height):
            raise ConfigError(f"link_height must be finite, found {self.link_height}.")
        for key in ("tcp_speed", "contact_force", "push_force", "grip_force", "finger_speed"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value > 0.0):
                raise ConfigError(f"{key} must be positive, found {value}.")

    def narrow_joints(self, limits: JointLimits) -> JointLimits:
        """Return an arm's limits, narrowed to these.

        Raises:
            ConfigError: if a value here is looser than the arm's own.
        """
        names = {
            "joint_lower": "lower",
            "joint_upper": "upper",
            "joint_velocities": "velocities",
            "joint_accelerations": "accelerations",
        }
        for ours, theirs in names.items():
            narrow, wide = getattr(self, ours), getattr(limits, theirs)
            if len(narrow) != len(wide):
                raise ConfigError(f"{ours} needs {len(wide)} values, found {len(narrow)}.")
            sign = -1.0 if ours == "joint_lower" else 1.0
            for i, (value, allowed) in enumerate(zip(narrow, wide, strict=True)):
                if not sign * value <= sign * allowed:
                    raise ConfigError(
                        f"{ours}[{i}] = {value} is looser than the arm's own limit, {allowed}."
                    )
        return dataclasses.replace(
            limits, **{theirs: getattr(self, ours) for ours, theirs in names.items()}
        )

    def narrow_fingers(self, limits: GripperLimits) -> GripperLimits:
        """Return a gripper's limits, narrowed to these; raise `ConfigError` as `narrow_joints`."""
        for key, allowed in (("grip_force", limits.max_force), ("finger_speed", limits.max_speed)):
            if getattr(self, key) > allowed:
                raise ConfigError(
                    f"{key} = {getattr(self, key)} is looser than the gripper's own limit, {allowed}."
                )
        return dataclasses.replace(limits, max_force=self.grip_force, max_speed=self.finger_speed)
