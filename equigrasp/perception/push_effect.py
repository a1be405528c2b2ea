"""How far a push moves the objects in its way, by geometry alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.angles import bin_to_direction
from equigrasp.perception.push_rule import HALF_FINGER_PX, PushRule

_LEAST_CELLS = 3  # of an object in the strip, or lanes that two share: what is only grazed stays
_OVERLAP_PX = 4.0  # by which an object ahead may begin before the one behind ends


@dataclass(frozen=True)
class Stroke:
    """The way of closed fingers over a heightmap.

    Args:
        row: Where it begins [px].
        col: Where it begins [px].
        direction: About base +z [rad]; at 0 along rows.
        length: Up to where the action square ends [px].
        height: Of the fingertips over the floor [m].
    """

    row: int
    col: int
    direction: float
    length: float
    height: float

    @property
    def ahead(self) -> np.ndarray:
        """Unit vector of the direction in (row, column), shape (2,)."""
        return np.array([math.cos(self.direction), math.sin(self.direction)])

    @classmethod
    def of(
        cls,
        push: PixelPush,
        heightmap: np.ndarray,
        rule: PushRule,
        pixel_size: float,
        border_px: int = 0,
    ) -> "Stroke":
        """Return the stroke of a push.

        Args:
            push: Where it begins, and its direction.
            heightmap: Seen before it, shape (S, S) [m].
            rule: Length and height.
            pixel_size: Side of a cell [m].
            border_px: Cells between the map's rim and the action square, where strokes end.

        Raises:
            PerceptionError: if the push does not begin on the map, or has no such direction.
        """
        size = len(heightmap)
        if not (0 <= push.row < size and 0 <= push.col < size):
            raise PerceptionError(
                f"A push from pixel ({push.row}, {push.col}) begins outside the map of {size} px."
            )
        if not 0 <= push.direction_bin < rule.num_directions:
            raise PerceptionError(
                f"Push direction bin {push.direction_bin} is not in [0, {rule.num_directions})."
            )
        direction = bin_to_direction(push.direction_bin, rule.num_directions)
        length = rule.length / pixel_size
        low, high = border_px - 0.5, size - border_px - 0.5
        for at, way in (
            (push.row, math.cos(direction)),
            (push.col, math.sin(direction)),
        ):
            if abs(way) > 1e-9:
                length = min(length, max(0.0, ((high if way > 0.0 else low) - at) / way))
        height = rule.height(heightmap, push, pixel_size)
        return cls(push.row, push.col, direction, length, height)


def push_ways(stroke: Stroke, objects: Sequence[np.ndarray], heightmap: np.ndarray) -> np.ndarray:
    """Return how far a stroke moves each of K objects along its direction, shape (K,) [px].

    The fingers carry along what they meet, and this what it meets in turn, by what is left of the stroke
    after first contact. Turning and slipping off are left out.

    Args:
        stroke: Of the fingers.
        objects: Cells (row, column) at which each object is seen, shape (N, 2) each, int.
        heightmap: Seen before the push, shape (S, S) [m].
    """
    aside = np.array([-stroke.ahead[1], stroke.ahead[0]])
    ways = np.zeros(len(objects))
    for k, cells in enumerate(objects):
        place = cells - [stroke.row, stroke.col]
        along, across = place @ stroke.ahead, place @ aside
        is_met = (np.abs(across) <= HALF_FINGER_PX) & (along >= 0.0) & (along <= stroke.length)
        is_met &= heightmap[cells[:, 0], cells[:, 1]] >= stroke.height
        if is_met.sum() >= _LEAST_CELLS:
            ways[k] = stroke.length - along[is_met].min()
    return _passed_on(ways, [_Outline.of(cells, stroke.ahead, aside) for cells in objects])


@dataclass(frozen=True, eq=False)
class _Outline:
    """An object as seen along a direction, in lanes of one cell's width beside each other.

    Args:
        back: Where it begins along the direction, by lane [px].
        front: Where it ends.
    """

    back: dict[int, float]
    front: dict[int, float]

    @classmethod
    def of(cls, cells: np.ndarray, ahead: np.ndarray, aside: np.ndarray) -> "_Outline":
        """Return the outline of cells, shape (N, 2)."""
        along, lanes = cells @ ahead, np.round(cells @ aside).astype(int)
        low = int(lanes.min())
        back = np.full(int(lanes.max()) - low + 1, np.inf)
        front = -back
        np.minimum.at(back, lanes - low, along)
        np.maximum.at(front, lanes - low, along)
        used = np.flatnonzero(np.isfinite(back))
        return cls(
            {low + int(i): float(back[i]) for i in used},
            {low + int(i): float(front[i]) for i in used},
        )

    def gap(self, other: "_Outline") -> float:
        """Return how far this can go until it meets another, which lies ahead; infinite: never [px]."""
        gaps = [other.back[i] - self.front[i] for i in self.front.keys() & other.back.keys()]
        near = sorted(g for g in gaps if g > -_OVERLAP_PX)
        return max(0.0, near[_LEAST_CELLS - 1] - 1.0) if len(near) >= _LEAST_CELLS else math.inf


def _passed_on(ways: np.ndarray, outlines: list[_Outline]) -> np.ndarray:
    """Let what is carried along carry along what it meets; return the ways, shape (K,) [px]."""
    ways = ways.copy()
    waiting = list(np.flatnonzero(ways))
    while waiting:
        mover = waiting.pop(int(np.argmax(ways[waiting])))
        for k, outline in enumerate(outlines):
            way = ways[mover] - (outlines[mover].gap(outline) if k != mover else math.inf)
            if way > ways[k] + 1e-6:
                ways[k] = way
                if k not in waiting:
                    waiting.append(k)
    return ways
