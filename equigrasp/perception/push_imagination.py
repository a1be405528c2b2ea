"""What a push would do to a scene, by geometry: objects that the fingers meet go along, and what these meet.

Objects are moved and not turned, and keep their shape as it is seen; nothing slides on or topples. One that
is met beside its middle goes less far, as it would turn. How far all that is from what happens,
`campaigns/push_imagination.py` measures.
"""

import math
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelPush, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_rule import PushRule, half_finger_px

_NUM_LABELS = 256
_CONTACT_PX = 2.0  # that lanes may be farther apart than the nearest and still touch
_LEVER = 0.9  # c² of an evenly pressed disc or square over its squared radius of gyration


@dataclass(frozen=True, eq=False)
class ImaginedScene:
    """A scene after a push.

    Args:
        heightmap: Heights above the floor, shape (S, S), float32 [m]; the floor where objects were.
        labels: Shape (S, S), uint8.
        way: By how much the object of each label was moved along the push, shape (256,) [px].
    """

    heightmap: np.ndarray
    labels: np.ndarray
    way: np.ndarray


def imagine_push(
    heightmap: np.ndarray,
    labels: np.ndarray,
    pixel: PixelPush,
    rule: PushRule,
    workspace: Workspace,
) -> ImaginedScene:
    """Return what a scene would look like after a push.

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        labels: Objects' numbers, shape (S, S), uint8; 0: none.
        pixel: The push.
        rule: Its height and length.
        workspace: Of the maps; the stroke ends where its action square does.
    """
    push = rule.push(heightmap, pixel, workspace)
    way = push_ways(push, labels, heightmap, workspace)
    return _moved(heightmap, labels, way, push_direction(push))


def push_direction(push: Push) -> np.ndarray:
    """Return the unit vector of a push in (row, column), shape (2,)."""
    return np.array([math.cos(push.direction), math.sin(push.direction)])


def push_ways(
    push: Push, labels: np.ndarray, heightmap: np.ndarray, workspace: Workspace
) -> np.ndarray:
    """Return by how much a push would move the object of each label along it, shape (256,) [px].

    Args:
        push: With closed fingers; its stroke ends where the workspace's action square does.
        labels: Objects' numbers, shape (S, S), uint8; 0: none.
        heightmap: Heights above the floor, shape (S, S) [m].
        workspace: Of the maps.

    Raises:
        PerceptionError: if the push does not begin on the maps.
    """
    start, size = workspace.xy_to_pixel(push.x, push.y), workspace.heightmap_size_px
    if not (0 <= start[0] < size and 0 <= start[1] < size):
        raise PerceptionError(
            f"A push from ({push.x:.3f}, {push.y:.3f}) m begins outside the heightmap of workspace "
            f"'{workspace.name}'."
        )
    ahead = push_direction(push)
    rows, cols = np.nonzero(labels)
    from_start = np.stack([rows - start[0], cols - start[1]], 1)
    along, aside = from_start @ ahead, from_start @ np.array([-ahead[1], ahead[0]])
    tip = push.z - workspace.floor_z
    is_high, half = heightmap[rows, cols] > tip, half_finger_px(workspace)
    contacts = _contacts(labels[rows, cols], along, aside, is_high, half)
    length = min(push.length / workspace.pixel_size, workspace.way_out_px(start, ahead.tolist()))
    return contacts.passed_on(max(0.0, length))


@dataclass(frozen=True, eq=False)
class _Contacts:
    """What would push what: number 0 are the fingers.

    Args:
        behind: Numbers of what pushes, shape (K,).
        before: Labels of what is pushed, shape (K,).
        gap: Free pixels between, shape (K,), not negative.
        share: Of the way left that what is pushed goes: all where its middle is, less beside it.
    """

    behind: np.ndarray
    before: np.ndarray
    gap: np.ndarray
    share: np.ndarray

    def passed_on(self, length: float) -> np.ndarray:
        """Return the ways of all numbers, shape (256,) [px], where the fingers go so far; theirs is 0."""
        found = np.zeros(_NUM_LABELS)
        found[0] = length
        for _ in range(_NUM_LABELS):
            before = found.copy()
            reached = np.maximum(0.0, found[self.behind] - self.gap) * self.share
            np.maximum.at(found, self.before, reached)
            if np.array_equal(found, before):
                break
        found[0] = 0.0
        return found


def _contacts(
    labels: np.ndarray, along: np.ndarray, aside: np.ndarray, is_high: np.ndarray, half: int
) -> _Contacts:
    """Return what would push what, by one-pixel lanes along the push.

    Args:
        labels: Of labelled pixels, shape (K,).
        along: Their places along the push, from its start on, shape (K,) [px].
        aside: And across it, shape (K,) [px].
        is_high: Whether the fingers would meet them, shape (K,).
        half: Of the fingers [px].
    """
    lane_of = np.round(aside).astype(int)
    key, index = np.unique(lane_of * _NUM_LABELS + labels.astype(int), return_inverse=True)
    lane, name = key // _NUM_LABELS, key % _NUM_LABELS
    first, last = np.full(len(key), np.inf), np.full(len(key), -np.inf)
    np.minimum.at(first, index, along)
    np.maximum.at(last, index, along)
    # By its middle in the lane: at a slanting border single pixels of two objects alternate.
    count = np.maximum(1, np.bincount(index, minlength=len(key)))
    middle = np.bincount(index, along, len(key)) / count
    order = np.lexsort([middle, lane])
    one, other = order[:-1], order[1:]
    is_same = lane[one] == lane[other]
    one, other = one[is_same], other[is_same]
    high = np.bincount(index, is_high, len(key)) > 0
    is_ahead = middle > -half  # or under the fingers
    met = np.nonzero(high & (np.abs(lane) <= half) & is_ahead)[0]
    behind = np.concatenate([np.zeros(len(met), int), name[one]])
    before = np.concatenate([name[met], name[other]])
    gap = np.concatenate([first[met] - half, first[other] - last[one] - 1.0])
    pair, which = np.unique(behind * _NUM_LABELS + before, return_inverse=True)
    nearest = np.full(len(pair), np.inf)
    np.minimum.at(nearest, which, gap)
    # The lanes that touch first, and how far beside them the middle of what is pushed lies.
    lanes = np.concatenate([lane[met], lane[other]])
    touching = gap <= nearest[which] + _CONTACT_PX
    low, high_end = np.full(len(pair), np.inf), np.full(len(pair), -np.inf)
    np.minimum.at(low, which[touching], lanes[touching])
    np.maximum.at(high_end, which[touching], lanes[touching])
    centre, gyration = _bodies(labels, along, aside)
    pushed = pair % _NUM_LABELS
    offset = np.maximum(0.0, np.maximum(low - centre[pushed], centre[pushed] - high_end))
    share = gyration[pushed] / (gyration[pushed] + offset**2)
    return _Contacts(pair // _NUM_LABELS, pushed, np.maximum(0.0, nearest), share)


def _bodies(
    labels: np.ndarray, along: np.ndarray, aside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each label's middle across the push [px] and squared lever of its friction, (256,) [px²].

    An object that is pushed beside its middle turns: of the way d its middle goes d c² / (c² + y²), with y
    the offset and c the largest moment of friction over its largest force (Lynch and Mason, 1996).
    """
    count = np.maximum(1, np.bincount(labels, minlength=_NUM_LABELS))

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(labels, values, _NUM_LABELS) / count)

    spread = mean(along**2) - mean(along) ** 2 + mean(aside**2) - mean(aside) ** 2
    return mean(aside), np.maximum(1.0, _LEVER * spread)


def _moved(
    heightmap: np.ndarray, labels: np.ndarray, way: np.ndarray, ahead: np.ndarray
) -> ImaginedScene:
    """Return the maps with each object moved by its way along the push; the higher is seen."""
    is_moved = (way >= 0.5)[labels] & (labels > 0)
    new_heights = np.where(is_moved, 0.0, heightmap).astype(np.float32)
    new_labels = np.where(is_moved, 0, labels).astype(np.uint8)
    rows, cols = np.nonzero(is_moved)
    names, heights = labels[rows, cols], heightmap[rows, cols]
    shift = np.round(way[names, None] * ahead).astype(int)
    rows, cols = rows + shift[:, 0], cols + shift[:, 1]
    size = len(labels)
    inside = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
    rows, cols, names, heights = (v[inside] for v in (rows, cols, names, heights))
    order = np.argsort(heights, kind="stable")  # the highest is written last
    rows, cols, names, heights = (v[order] for v in (rows, cols, names, heights))
    is_seen = heights >= new_heights[rows, cols]
    rows, cols, names, heights = (v[is_seen] for v in (rows, cols, names, heights))
    new_heights[rows, cols], new_labels[rows, cols] = heights, names
    return ImaginedScene(new_heights, new_labels, way)
