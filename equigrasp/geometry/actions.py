"""What a policy outputs and what an executor carries out."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from equigrasp.errors import CommandRejectedError

GripperCommand = Literal["none", "open", "close"]


@dataclass(frozen=True)
class PlanarGrasp:
    """A top-down grasp in the base frame.

    Args:
        x: TCP position along base x [m].
        y: TCP position along base y [m].
        z: TCP height [m]; the TCP is the point between the closed fingertips.
        theta: Yaw about base +z [rad]; at 0 the fingers open along base x.
        width: Finger opening before the grasp [m].
    """

    x: float
    y: float
    z: float
    theta: float
    width: float

    def __post_init__(self) -> None:
        _check_finite("Grasp", self, ("x", "y", "z", "theta", "width"))


@dataclass(frozen=True)
class Push:
    """A straight push with closed fingers, in the base frame.

    Args:
        x: TCP position along base x where the push begins [m].
        y: TCP position along base y where the push begins [m].
        z: TCP height during the push [m].
        direction: Of the push about base +z [rad]; at 0 along base x.
        length: Of the push, positive [m].
    """

    x: float
    y: float
    z: float
    direction: float
    length: float

    def __post_init__(self) -> None:
        _check_finite("Push", self, ("x", "y", "z", "direction", "length"))
        if self.length <= 0.0:
            raise CommandRejectedError(f"Push length must be positive, found {self.length}.")


@dataclass(frozen=True)
class GripperStep:
    """A step of the gripper from where it is, in closed loop.

    Args:
        d_position: Displacement of the TCP in the base frame, three numbers [m].
        d_theta: Turn about base +z [rad].
        gripper: What the fingers do at the end of the step.
        is_final: Whether the episode ends with the step.
    """

    d_position: tuple[float, float, float]
    d_theta: float
    gripper: GripperCommand = "none"
    is_final: bool = False

    def __post_init__(self) -> None:
        if len(self.d_position) != 3 or not all(math.isfinite(d) for d in self.d_position):
            raise CommandRejectedError(
                f"Step d_position must be three finite numbers, found {self.d_position}."
            )
        _check_finite("Step", self, ("d_theta",))
        if self.gripper not in get_args(GripperCommand):
            raise CommandRejectedError(
                f"Step gripper must be one of {get_args(GripperCommand)}, found '{self.gripper}'."
            )


Action: TypeAlias = PlanarGrasp | Push | GripperStep


@dataclass(frozen=True)
class PixelGrasp:
    """A grasp on the grid: heightmap pixel and rotation bin."""

    row: int
    col: int
    rotation_bin: int


@dataclass(frozen=True)
class PixelPush:
    """A push on the grid: heightmap pixel where it begins, and direction bin in [0, 2 pi)."""

    row: int
    col: int
    direction_bin: int


def _check_finite(kind: str, action: object, keys: tuple[str, ...]) -> None:
    for key in keys:
        if not math.isfinite(getattr(action, key)):
            raise CommandRejectedError(
                f"{kind} {key} must be finite, found {getattr(action, key)}."
            )
