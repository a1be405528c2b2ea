"""A fixed body that stands in a cell."""

from dataclasses import dataclass
from typing import Literal

from equigrasp.errors import ConfigError


@dataclass(frozen=True)
class Obstacle:
    """A box or cylinder in the base frame.

    Args:
        name: What errors call it.
        size: Edge lengths of a box [m]; of a cylinder along its z axis: diameter twice, and height.
        center: Its centre [m].
        shape: `box` or `cylinder`.
        rpy: Fixed-axis angles [rad].
    """

    name: str
    size: tuple[float, float, float]
    center: tuple[float, float, float]
    shape: Literal["box", "cylinder"] = "box"
    rpy: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if min(self.size) <= 0.0:
            raise ConfigError(f"Obstacle '{self.name}' needs positive sizes, found {self.size}.")
        if self.shape == "cylinder" and self.size[0] != self.size[1]:
            raise ConfigError(
                f"Cylinder '{self.name}' needs its diameter twice, found {self.size[:2]}."
            )
