"""How far a push moves the objects in its way, by geometry alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_rule import HALF_FINGER_PX

_LEAST_CELLS = 3  # of an object in the strip, or lanes that two share: what is only grazed stays
_OVERLAP_PX = 4.0  # by which an object ahead may begin before the one behind ends


def push_ways(
    push: Push, objects: Sequence[np.ndarray], heightmap: np.ndarray, workspace: Workspace
) -> np.ndarray:
    """Return how far a push moves each of K objects along its direction, shape (K,) [px].

    The fingers carry along what they meet, and this what it meets in turn, by what is left of the stroke
    after first contact. The stroke ends where the action square does. Turning and slipping off are left
    out, so that an object goes so far at most.

    Args:
        push: With closed fingers.
        objects: Cells (row, column) at which each object is seen, shape (N, 2) each, int.
        heightmap: Seen before the push, shape (S, S) [m].
        workspace: Of the heightmap.

    Raises:
        PerceptionError: if the push does not begin on the map.
    """
    start, size = workspace.xy_to_pixel(push.x, push.y), workspace.heightmap_size_px
    if not (0 <= start[0] < size and 0 <= start[1] < size):
        raise PerceptionError(
            f"A push from ({push.x:.3f}, {push.y:.3f}) m begins outside the heightmap of workspace "
            f"'{workspace.name}'."
        )
    ahead = push_direction(push)
    aside = np.array([-ahead[1], ahead[0]])
    length, tip = _length_px(push, start, workspace), push.z - workspace.floor_z
    ways = np.zeros(len(objects))
    for k, cells in enumerate(objects):
        along, across = (cells - start) @ ahead, (cells - start) @ aside
        is_met = (np.abs(across) <= HALF_FINGER_PX) & (along >= 0.0) & (along <= length)
        is_met &= heightmap[cells[:, 0], cells[:, 1]] >= tip
        if is_met.sum() >= _LEAST_CELLS:
            ways[k] = length - along[is_met].min()
    if not ways.any():
        return ways
    return _passed_on(ways, [_Outline.of(cells, ahead, aside) for cells in objects])


def push_direction(push: Push) -> np.ndarray:
    """Return the unit vector of a push in (row, column), shape (2,)."""
    return np.array([math.cos(push.direction), math.sin(push.direction)])


def _length_px(push: Push, start: tuple[int, int], workspace: Workspace) -> float:
    """Return the length of a stroke up to where the action square ends [px]."""
    low = workspace.border_px - 0.5
    high = low + workspace.action_size_px
    length = push.length / workspace.pixel_size
    for at, way in zip(start, push_direction(push).tolist(), strict=True):
        if abs(way) > 1e-9:
            length = min(length, ((high if way > 0.0 else low) - at) / way)
    return max(0.0, length)


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
