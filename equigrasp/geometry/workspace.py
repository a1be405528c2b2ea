"""The box over a tray that a heightmap covers, and its pixel grid."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import ConfigError

_MOST_PX = 1024  # a side; published work uses up to 320
_ACROSS = 1e-9  # components of a direction below it lead nowhere


@dataclass(frozen=True)
class Workspace:
    """Square box in the base frame; the only place that turns pixels into metres and back.

    Row grows with base +x, column with base +y; a pixel means the centre of its cell. The grid is
    centred on (`center_x`, `center_y`). Actions are chosen in the central `action_size_px`
    square; the border around it is context for the networks.

    Args:
        name: Tray name, such as `left`.
        center_x: Centre of the grid along base x [m].
        center_y: Centre of the grid along base y [m].
        floor_z: Height of the tray's inner floor [m]; heightmaps measure from here.
        ceiling_z: Heights above this are not part of the scene [m].
        pixel_size: Side of one cell [m].
        heightmap_size_px: Cells per side of the heightmap.
        action_size_px: Cells per side of the central square in which grasps may be chosen.
    """

    name: str
    center_x: float
    center_y: float
    floor_z: float = 0.0
    ceiling_z: float = 0.25
    pixel_size: float = 0.003125  # 0.4 m / 128, as in the paper's simulation
    heightmap_size_px: int = 128
    action_size_px: int = 96

    def __post_init__(self) -> None:
        for key in ("center_x", "center_y", "floor_z", "ceiling_z", "pixel_size"):
            if not math.isfinite(getattr(self, key)):
                raise ConfigError(f"Workspace {key} must be finite, found {getattr(self, key)}.")
        if self.pixel_size <= 0.0:
            raise ConfigError(f"Workspace pixel_size must be positive, found {self.pixel_size}.")
        if self.ceiling_z <= self.floor_z:
            raise ConfigError(
                f"Workspace ceiling_z {self.ceiling_z} must be above floor_z {self.floor_z}."
            )
        if self.heightmap_size_px > _MOST_PX:
            raise ConfigError(
                f"Workspace heightmap_size_px must be in [1, {_MOST_PX}], "
                f"found {self.heightmap_size_px}."
            )
        if not 0 < self.action_size_px <= self.heightmap_size_px:
            raise ConfigError(
                f"Workspace action_size_px {self.action_size_px} must be in "
                f"[1, heightmap_size_px {self.heightmap_size_px}]."
            )
        if (self.heightmap_size_px - self.action_size_px) % 2:
            raise ConfigError("Workspace heightmap_size_px - action_size_px must be even.")

    @property
    def size(self) -> float:
        """Side of the heightmap [m]."""
        return self.heightmap_size_px * self.pixel_size

    @property
    def border_px(self) -> int:
        """Cells between the heightmap's edge and the action square."""
        return (self.heightmap_size_px - self.action_size_px) // 2

    def pixel_to_xy(self, row: int, col: int) -> tuple[float, float]:
        """Return the base-frame position [m] of the centre of a heightmap pixel."""
        half = (self.heightmap_size_px - 1) / 2.0
        return (
            self.center_x + (row - half) * self.pixel_size,
            self.center_y + (col - half) * self.pixel_size,
        )

    def xy_to_pixel(self, x: float, y: float) -> tuple[int, int]:
        """Return the heightmap pixel that holds a base-frame position; may lie outside the grid."""
        row, col = self.xy_to_grid(np.array([x]), np.array([y]))
        return int(row[0]), int(col[0])

    def xy_to_grid(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns (int64, shape (N,)) of positions `x`, `y` [m], shape (N,)."""
        half = self.heightmap_size_px / 2.0
        row = np.floor((x - self.center_x) / self.pixel_size + half)
        col = np.floor((y - self.center_y) / self.pixel_size + half)
        return row.astype(np.int64), col.astype(np.int64)

    @property
    def action_bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Smallest and largest (x, y) of the action square in the base frame [m]."""
        half = self.action_size_px * self.pixel_size / 2.0
        x, y = self.center_x, self.center_y
        return (x - half, y - half), (x + half, y + half)

    def way_out_px(self, pixel: Iterable[float], ahead: Iterable[float]) -> float:
        """Return how far it is from a pixel to the edge of the action square [px]; see `way_out`."""
        low = self.border_px - 0.5
        high = low + self.action_size_px
        return way_out(pixel, ahead, (low, low), (high, high))

    def contains_pixel(self, row: int, col: int) -> bool:
        """Tell whether a pixel lies in the action square."""
        low, high = self.border_px, self.border_px + self.action_size_px
        return low <= row < high and low <= col < high

    def contains_xy(self, x: float, y: float) -> bool:
        """Tell whether a base-frame position [m] lies in the action square."""
        half = self.action_size_px * self.pixel_size / 2.0
        return abs(x - self.center_x) <= half and abs(y - self.center_y) <= half


def way_out(
    start: Iterable[float],
    ahead: Iterable[float],
    lower: Iterable[float],
    upper: Iterable[float],
) -> float:
    """Return how far it is from a place to the end of a box, in the box's unit; negative: it is outside.

    Args:
        start: In as many axes as `ahead` has.
        ahead: A unit vector.
        lower: Where the box begins.
        upper: Where it ends.
    """
    ways = [
        ((high if way > 0.0 else low) - at) / way
        for at, way, low, high in zip(start, ahead, lower, upper, strict=False)
        if abs(way) > _ACROSS
    ]
    return float(min(ways))
