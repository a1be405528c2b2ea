"""What a grasp policy outputs and what an executor carries out."""

import math
from dataclasses import dataclass

from equigrasp.errors import CommandRejectedError


@dataclass(frozen=True)
class GraspAction:
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
        for key in ("x", "y", "z", "theta", "width"):
            if not math.isfinite(getattr(self, key)):
                raise CommandRejectedError(
                    f"Grasp {key} must be finite, found {getattr(self, key)}."
                )


@dataclass(frozen=True)
class PixelGrasp:
    """A grasp on the grid: heightmap pixel and rotation bin."""

    row: int
    col: int
    rotation_bin: int
