"""Where an object would go under a push: a quasi-static guess in the plane, by geometry alone.

A slow push meets friction with the floor only. Force and motion are then related as by an ellipsoidal limit
surface (Goyal et al., Wear 1991; Lynch et al., IROS 1992): a force f at r from the middle moves the middle
along f and turns the object by (r x f) / c^2, with c the radius over which it presses on the floor.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from equigrasp.perception.push_rule import FINGER_HALF_WIDTH

_STEP = 0.005  # [m] of the stroke
_FRICTION = 0.5  # between fingers and object
_NUM_POINTS = 150  # that stand for an object
_SLOPE_REACH = 0.008  # [m] about the contact where the object's side is looked at
_JAM = 0.004  # [m] by which something holds the object back


@dataclass(frozen=True)
class Fingers:
    """Closed fingers from above, their wide side ahead.

    Args:
        half_width: Across the push [m].
        half_depth: Along it [m].
    """

    half_width: float = FINGER_HALF_WIDTH
    half_depth: float = 0.010


@dataclass(frozen=True)
class Slide:
    """What came of a push.

    Args:
        points: Cells of the object, shape (N, 2) [m].
        length: Of the stroke as far as the fingers held the object [m]; 0: they never touched it.
    """

    points: np.ndarray
    length: float


class Surroundings:
    """What an object cannot move into.

    Args:
        is_blocked: Shape (S, S).
        pixel_size: Side of a cell [m]; a point (x, y) lies in cell (x, y) / pixel_size, rounded.
    """

    def __init__(self, is_blocked: np.ndarray, pixel_size: float) -> None:
        self._pixel_size = pixel_size
        self._last = np.array(is_blocked.shape) - 1
        self._depth = np.zeros(is_blocked.shape)
        self._free = np.indices(is_blocked.shape)  # nearest free cell of each
        if is_blocked.any() and not is_blocked.all():
            self._depth, self._free = distance_transform_edt(is_blocked, return_indices=True)

    def way_out(self, points: np.ndarray) -> np.ndarray:
        """Return how an object with points (N, 2) [m] is kept out, at its deepest point, (2,) [m]."""
        cells = np.clip(np.rint(points / self._pixel_size).astype(int), 0, self._last)
        depths = self._depth[tuple(cells.T)]
        k = int(depths.argmax())
        if depths[k] <= 0.0:
            return np.zeros(2)
        return np.asarray((self._free[:, cells[k, 0], cells[k, 1]] - cells[k]) * self._pixel_size)


def slide(
    points: np.ndarray,
    start: np.ndarray,
    direction: float,
    length: float,
    fingers: Fingers,
    surroundings: Surroundings,
) -> Slide | None:
    """Return where a push would bring an object; None: it would jam.

    It ends where the fingers lose the object.

    Args:
        points: Cells of the object, shape (N, 2) [m].
        start: Of the TCP, shape (2,) [m], in the same frame.
        direction: [rad]
        length: Of the stroke [m].
        fingers: What pushes.
        surroundings: What the object cannot move into; it is taken for fixed.
    """
    ahead = np.array([np.cos(direction), np.sin(direction)])
    frame = np.stack([ahead, [-ahead[1], ahead[0]]])  # rows: ahead, aside
    body = points[:: max(1, len(points) // _NUM_POINTS)]
    middle = first_middle = points.mean(axis=0)
    square = float(((body - middle) ** 2).sum(axis=1).mean())  # c^2
    turn, way, held, held_back = 0.0, 0.0, 0.0, 0.0
    while way < length:
        way = min(length, way + _STEP)
        front = start + ahead * (way + fingers.half_depth)
        contact = _contact((body - front) @ frame.T, fingers)
        if contact is None:
            if held > 0.0:
                break
            continue
        held = way
        depth, place, normal = contact
        lever = front + place @ frame - middle
        shift, angle = _motion(lever, depth * ahead, normal @ frame, square)
        body, middle, turn = _moved(body, middle, shift, angle), middle + shift, turn + angle
        out = surroundings.way_out(body)
        body, middle = body + out, middle + out
        # What is pushed into a wall jams there; off or along it, it moves.
        held_back += max(0.0, -float(out @ ahead))
        if held_back > _JAM:
            return None
    return Slide(_moved(points, first_middle, middle - first_middle, turn), held)


def _contact(local: np.ndarray, fingers: Fingers) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Return how deep the fingers' front is in an object, where, and the side's normal into it.

    Args:
        local: The object's points ahead of the front and aside, shape (N, 2) [m].
        fingers: What pushes.
    """
    lane = local[np.abs(local[:, 1]) <= fingers.half_width]
    if not len(lane) or lane[:, 0].min() >= 0.0:
        return None
    nearest = float(lane[:, 0].min())
    touching = lane[lane[:, 0] < nearest + 0.002]
    place = np.array([nearest, float(touching[:, 1].mean())])
    # The object's side near the contact: its nearest points at places across, and a line through them.
    near = lane[np.abs(lane[:, 1] - place[1]) < _SLOPE_REACH]
    bins = np.rint(near[:, 1] / 0.004).astype(int)
    side = np.array([near[bins == b][near[bins == b][:, 0].argmin()] for b in np.unique(bins)])
    across = side[:, 1] - side[:, 1].mean()
    spread = float(across @ across)
    slope = float(across @ side[:, 0]) / spread if spread > 1e-9 else 0.0
    normal = np.array([1.0, -slope]) / np.hypot(1.0, slope)
    return -nearest, place, normal


def _motion(
    lever: np.ndarray, wanted: np.ndarray, normal: np.ndarray, square: float
) -> tuple[np.ndarray, float]:
    """Return shift (2,) [m] and turn [rad] of an object whose contact goes a wanted way (2,) [m].

    The contact sticks if that takes a force within the friction cone; else it slips along its edge.
    """
    turned = np.array([-lever[1], lever[0]])
    mobility = np.eye(2) + np.outer(turned, turned) / square
    force = np.linalg.solve(mobility, wanted)
    tangent = np.array([-normal[1], normal[0]])
    if abs(float(force @ tangent)) > _FRICTION * float(force @ normal):
        edge = normal + np.sign(float(force @ tangent)) * _FRICTION * tangent
        of_edge = mobility @ edge
        force = edge * float(wanted @ wanted) / max(1e-9, float(of_edge @ wanted))
    return force, float(turned @ force) / square


def _moved(points: np.ndarray, middle: np.ndarray, shift: np.ndarray, angle: float) -> np.ndarray:
    """Return points (N, 2) turned about a middle and shifted."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray((points - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle + shift)
