"""A push that gives an object room for the fingers, by geometry alone: off a wall, or off its neighbours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from equigrasp.geometry.actions import PixelPush, Push
from equigrasp.geometry.angles import bin_to_direction
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.sliding import Fingers, Surroundings, slide

_ASIDE_STEP = 0.007  # [m] between starts across a push
_ERRORS = (0.0, -0.002, 0.002)  # [m] aside: a push must give room in spite of them
_SLACK = 0.004  # [m] of the fingertips over what lies under them, and beside it
_GAP = 0.006  # [m] from the fingers to the object where a push begins
_HELD = 0.006  # [m] of the object above the fingertips, at least


@dataclass(frozen=True)
class FreeingRule:
    """When a push is worth it.

    Args:
        num_directions: Direction bins in [0, 2 pi).
        length: Of the stroke, where the workspace allows it [m].
        shortest: Of the stroke [m].
        clearance: Fingertips go no lower over the floor [m].
        room: What a finger needs beside an object [m].
        depth: How far a fingertip must come down below an object's top beside it [m].
        min_gain: By which the share of room about the object must grow.
        height_threshold: Cells higher than this are no floor [m].
        fingers: What pushes.
    """

    num_directions: int = 16
    length: float = 0.10
    shortest: float = 0.03
    clearance: float = 0.010
    room: float = 0.018
    depth: float = 0.012
    min_gain: float = 0.08
    height_threshold: float = 0.005
    fingers: Fingers = field(default_factory=Fingers)

    def room_about(self, mask: np.ndarray, others: np.ndarray, top: float, cell: float) -> float:
        """Return the share of what is about an object where a fingertip may come down beside it.

        Args:
            mask: Of the object, shape (S, S).
            others: Heights without it, shape (S, S) [m].
            top: Of the object [m].
            cell: Side of a cell [m].
        """
        ring = _dilated(mask, self.room / cell) & ~_dilated(mask, 1.0)
        return float((others[ring] < top - self.depth).mean()) if ring.any() else 0.0


@dataclass(frozen=True)
class FreeingPush:
    """A push, where it begins on the grid, and by how much room about the object should grow."""

    push: Push
    pixel: PixelPush
    gain: float


def find_freeing_push(
    heightmap: np.ndarray,
    mask: np.ndarray,
    workspace: Workspace,
    rule: FreeingRule,
    tried: Sequence[PixelPush] = (),
) -> FreeingPush | None:
    """Return the push that gives an object the most room; None: none gives it enough.

    It begins where closed fingers fit beside the object, in the action square, and ends there: where the
    fingers lose the object, or before what they would meet. The object stays in the action square too.
    What else lies there is taken for fixed.

    Args:
        heightmap: Shape (S, S) [m].
        mask: Of the object, shape (S, S).
        workspace: Of the heightmap.
        rule: When a push is worth it.
        tried: Pushes that are not repeated.
    """
    scene = _Scene(heightmap, mask, workspace, rule)
    best: FreeingPush | None = None
    if scene.room > 1.0 - rule.min_gain:
        return None
    for k in range(rule.num_directions):
        for pixel in scene.starts(k):
            if not _is_tried(pixel, tried, rule, workspace.pixel_size):
                wanted = rule.min_gain if best is None else best.gain
                best = scene.rate(pixel, wanted) or best
    return best


class _Scene:
    """An object and what is about it."""

    def __init__(
        self, heightmap: np.ndarray, mask: np.ndarray, workspace: Workspace, rule: FreeingRule
    ) -> None:
        self._rule, self._workspace, self._cell = rule, workspace, workspace.pixel_size
        self._top = float(np.quantile(heightmap[mask], 0.9))
        self._others = np.where(_dilated(mask, 1.0), 0.0, heightmap)
        is_blocked = self._others > rule.height_threshold
        self._surroundings = Surroundings(is_blocked, self._cell)
        self._points = np.argwhere(mask) * self._cell
        self._middle = self._points.mean(axis=0)
        self.room = rule.room_about(mask, self._others, self._top, self._cell)
        self._heightmap = heightmap

    def starts(self, k: int) -> list[PixelPush]:
        """Return where pushes in a direction bin may begin: behind the object, in the action square."""
        fingers = self._rule.fingers
        frame = _frame(bin_to_direction(k, self._rule.num_directions))
        local = (self._points - self._middle) @ frame.T
        reach = float(np.abs(local[:, 1]).max()) + fingers.half_width / 2.0
        found = {}
        for aside in np.linspace(-reach, reach, 1 + math.ceil(2.0 * reach / _ASIDE_STEP)):
            lane = local[np.abs(local[:, 1] - aside) <= fingers.half_width]
            if len(lane):
                back = float(lane[:, 0].min()) - fingers.half_depth - _GAP
                start = self._middle + np.array([back, aside]) @ frame
                row, col = (int(v) for v in np.rint(start / self._cell))
                if self._workspace.contains_pixel(row, col):
                    found[row, col] = PixelPush(row, col, k)
        return list(found.values())

    def rate(self, pixel: PixelPush, wanted: float) -> FreeingPush | None:
        """Return the push that begins at a pixel; None: it is none, or gains no more than wanted."""
        rule = self._rule
        direction = bin_to_direction(pixel.direction_bin, rule.num_directions)
        frame = _frame(direction)
        start = np.array([pixel.row, pixel.col]) * self._cell
        height = self._height(start, frame)
        if height is None:
            return None
        way_out = self._workspace.way_out_px((pixel.row, pixel.col), frame[0].tolist())
        length = min(rule.length, way_out * self._cell)
        length = self._free_length(start, frame, height, length)
        if length < rule.shortest:
            return None
        gain, ways = math.inf, []
        for error in _ERRORS:
            outcome, way = self._outcome(start + error * frame[1], direction, length)
            gain = min(gain, outcome)
            ways.append(way)
            if gain <= wanted:
                return None
        length = max(ways)  # until none of the three holds the object any more
        if length < rule.shortest:
            return None
        x, y = self._workspace.pixel_to_xy(pixel.row, pixel.col)
        z = self._workspace.floor_z + height
        push = Push(x, y, z, math.remainder(direction, 2.0 * math.pi), length)
        return FreeingPush(push, pixel, gain)

    def _height(self, start: np.ndarray, frame: np.ndarray) -> float | None:
        """Return the lowest height of the fingertips [m] that is free from the start to the object."""
        rule, fingers = self._rule, self._rule.fingers
        along = np.arange(-fingers.half_depth - _SLACK, fingers.half_depth + _GAP, self._cell / 2)
        under = float(self._under(start, frame, along).max())
        height = max(rule.clearance, under + _SLACK if under > rule.height_threshold else 0.0)
        return height if height <= self._top - _HELD else None

    def _free_length(
        self, start: np.ndarray, frame: np.ndarray, height: float, length: float
    ) -> float:
        """Return how far fingertips at a height may go before they would meet something, at most a length [m]."""
        front = self._rule.fingers.half_depth + _SLACK
        along = np.arange(front, front + length, self._cell / 2)
        is_met = self._under(start, frame, along) > height - _SLACK
        return float(along[is_met.argmax()]) - front if is_met.any() else length

    def _under(self, start: np.ndarray, frame: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Return the greatest height across the fingers at places along a push, (A,) [m].

        It is infinite outside the heightmap.
        """
        half = self._rule.fingers.half_width + _SLACK
        across = np.arange(-half, half, self._cell / 2)
        places = along[:, None, None] * frame[0] + across[:, None] * frame[1] + start
        cells = np.rint(places / self._cell).astype(int)
        last = len(self._heightmap) - 1
        is_outside = ((cells < 0) | (cells > last)).any(axis=2)
        rows, cols = np.moveaxis(np.clip(cells, 0, last), 2, 0)
        return np.asarray(np.where(is_outside, np.inf, self._others[rows, cols]).max(axis=1))

    def _outcome(self, start: np.ndarray, direction: float, length: float) -> tuple[float, float]:
        """Return by how much room would grow, -1 if nothing good came of it, and how far the object is held [m]."""
        end = slide(self._points, start, direction, length, self._rule.fingers, self._surroundings)
        if end is None or self._num_outside(end.points) > self._num_outside(self._points):
            return -1.0, 0.0
        return self._room_after(end.points) - self.room, end.length

    def _num_outside(self, points: np.ndarray) -> int:
        """Return how many of an object's points lie outside the action square."""
        low, cells = self._workspace.border_px, np.rint(points / self._cell)
        is_inside = (cells >= low) & (cells < low + self._workspace.action_size_px)
        return int((~is_inside.all(axis=1)).sum())

    def _room_after(self, points: np.ndarray) -> float:
        """Return the share of room about the object where it would be."""
        cells = np.clip(np.rint(points / self._cell).astype(int), 0, len(self._heightmap) - 1)
        mask = np.zeros(self._heightmap.shape, bool)
        mask[tuple(cells.T)] = True
        mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3))) > 0
        return self._rule.room_about(mask, self._others, self._top, self._cell)


def _is_tried(
    pixel: PixelPush, tried: Sequence[PixelPush], rule: FreeingRule, cell: float
) -> bool:
    """Tell whether nearly the same push was made."""
    for other in tried:
        turn = abs(pixel.direction_bin - other.direction_bin)
        is_same_way = min(turn, rule.num_directions - turn) <= 1
        apart = math.hypot(pixel.row - other.row, pixel.col - other.col) * cell
        if is_same_way and apart < rule.fingers.half_width:
            return True
    return False


def _frame(direction: float) -> np.ndarray:
    """Return the unit vectors ahead and aside of a push, as rows."""
    cos, sin = math.cos(direction), math.sin(direction)
    return np.array([[cos, sin], [-sin, cos]])


def _dilated(mask: np.ndarray, radius_px: float) -> np.ndarray:
    size = 2 * round(radius_px) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)
