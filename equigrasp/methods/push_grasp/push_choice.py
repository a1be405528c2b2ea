"""Which push shall free a target: PushNet's is learned; the others are baselines that need no learning."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.angles import bin_to_direction
from equigrasp.methods.push_grasp.config import NetworkConfig
from equigrasp.methods.push_grasp.push_input import PushView, push_view
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation
from equigrasp.perception.push_imagination import imagine_push
from equigrasp.perception.push_rule import PushRule
from equigrasp.perception.segmentation import LOST_PX

_NUM_DRAWS = 50  # of random pushes, until one would touch something
_NEAR_PX = 25.0  # that a start may be off for a direction that is off by one radian
_NUM_STARTS = 12  # of imagined pushes, in each direction
_GRID_PX = 4  # between two of the places that these are drawn from
_NUM_IMAGINED = 24  # of which the outcome is judged: those that clear most about the target
_RING_PX = 10  # about the target that must be clear

Judge = Callable[[Observation, np.ndarray], float]


@dataclass(frozen=True, eq=False)
class RatedPushes:
    """Pushes for a target.

    Args:
        best: The best one.
        value_map: PushNet's values of the best direction from each pixel of the action square, shape (A, A);
            NaN where no push may begin. None: PushNet was not asked.
    """

    best: PixelPush
    value_map: np.ndarray | None = None


def random_push(
    observation: Observation, target: np.ndarray, rule: PushRule, rng: np.random.Generator
) -> PixelPush | None:
    """Return a random push near a target that would touch something; None: there is no room.

    Args:
        observation: Heightmap and labels.
        target: The target's mask, shape (S, S).
        rule: Of pushes.
        rng: Draws it.
    """
    workspace = observation.workspace
    candidates = np.argwhere(rule.allowed(target, workspace))  # (K, 3)
    for _ in range(_NUM_DRAWS if len(candidates) else 0):
        direction, row, col = (int(v) for v in candidates[int(rng.integers(len(candidates)))])
        push = PixelPush(row, col, direction)
        if rule.touches(observation.arrays[LABELS], push, workspace):
            return push
    return None


def learned_push(
    observation: Observation,
    target: np.ndarray,
    rule: PushRule,
    network: NetworkConfig,
    values: Callable[[PushView], np.ndarray],
) -> RatedPushes | None:
    """Return PushNet's values of pushes for a target; None: there is no room for any.

    Args:
        observation: Heightmap and labels.
        target: The target's mask, shape (S, S).
        rule: Of pushes.
        network: What it sees.
        values: Of all pushes in a view, shape (n, C, C).
    """
    labels = np.where(target, 255, np.minimum(observation.arrays[LABELS], 254))
    view = push_view(
        observation.heightmap,
        labels,
        255,
        network.push_crop_px,
        network.input_scale,
        network.num_directions,
    )
    candidates = np.argwhere(rule.allowed(target, observation.workspace))  # (K, 3)
    corner = view.to_crop(PixelPush(0, 0, 0))
    rows, cols = candidates[:, 1] + corner.row, candidates[:, 2] + corner.col
    size = network.push_crop_px
    is_seen = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
    kept = candidates[is_seen]
    if not len(kept):
        return None
    of_pushes = values(view)[kept[:, 0], rows[is_seen], cols[is_seen]]
    direction, row, col = (int(v) for v in kept[int(of_pushes.argmax())])
    workspace = observation.workspace
    value_map = np.full((workspace.action_size_px,) * 2, np.nan, np.float32)
    np.fmax.at(value_map, tuple((kept[:, 1:] - workspace.border_px).T), of_pushes)
    return RatedPushes(PixelPush(row, col, direction), value_map)


def nearest_push(observation: Observation, target: np.ndarray, rule: PushRule) -> PixelPush | None:
    """Return a push that takes the nearest neighbour away from a target; None: no neighbour, or no room.

    It begins half-way between the two, or as near to there as there is room, and points at the middle of
    the neighbour. Arguments as those of `random_push`.
    """
    labels = np.where(target, 0, observation.arrays[LABELS])
    distances = cv2.distanceTransform((~target).astype(np.uint8), cv2.DIST_L2, 5)
    others, own = np.argwhere(labels > 0), np.argwhere(target)
    allowed = np.argwhere(rule.allowed(target, observation.workspace))  # (K, 3)
    if not len(others) or not len(allowed):
        return None
    first = others[int(distances[others[:, 0], others[:, 1]].argmin())]
    neighbour = np.argwhere(labels == labels[first[0], first[1]])
    apart = distances[neighbour[:, 0], neighbour[:, 1]]
    near = neighbour[apart <= apart.min() + 1.0].mean(axis=0)  # of the side that faces the target
    facing = own[int(np.linalg.norm(own - near, axis=1).argmin())]
    begin = (facing + near) / 2.0
    way = neighbour.mean(axis=0) - begin
    wanted = math.atan2(way[1], way[0])
    directions = np.array(
        [bin_to_direction(k, rule.num_directions) for k in range(rule.num_directions)]
    )
    turn = np.abs(np.angle(np.exp(1j * (directions - wanted))))  # of each bin, in [0, pi]
    cost = np.linalg.norm(allowed[:, 1:] - begin, axis=1) + _NEAR_PX * turn[allowed[:, 0]]
    direction, row, col = (int(v) for v in allowed[int(cost.argmin())])
    return PixelPush(row, col, direction)


def imagined_push(
    observation: Observation, target: np.ndarray, rule: PushRule, judge: Judge
) -> PixelPush | None:
    """Return the push after which a grasp on a target looks best, by geometry; None: there is no room.

    Args:
        observation: Heightmap and labels.
        target: The target's mask, shape (S, S).
        rule: Of pushes.
        judge: How good the best grasp is on a target's mask in a scene, of the scenes that pushes are
            imagined to lead to.
    """
    # The target's number: 255; no other has it.
    labels = np.where(target, 255, np.minimum(observation.arrays[LABELS], 254)).astype(np.uint8)
    imagined = []
    for push in _candidates(labels, target, rule, observation):
        scene = imagine_push(observation.heightmap, labels, push, rule, observation.workspace)
        if _num_inside(scene.labels == 255, observation) >= LOST_PX:
            imagined.append((_crowd(scene.labels), push, scene))
    imagined.sort(key=lambda found: found[0])
    best, chosen = -math.inf, None
    for _, push, scene in imagined[:_NUM_IMAGINED]:
        mask = scene.labels == 255
        after = Observation(
            {HEIGHTMAP: scene.heightmap, LABELS: scene.labels},
            observation.workspace,
            observation.stamp,
            goal={TARGET: mask},
        )
        score = judge(after, mask)
        if score > best:
            best, chosen = score, push
    return chosen


def _candidates(
    labels: np.ndarray, target: np.ndarray, rule: PushRule, observation: Observation
) -> list[PixelPush]:
    """Return some pushes in each direction that would touch something, spread about the target."""
    workspace = observation.workspace
    allowed = rule.allowed(target, workspace)
    found = []
    for direction, starts in enumerate(allowed):
        grid = np.argwhere(starts[::_GRID_PX, ::_GRID_PX]) * _GRID_PX
        pushes = [PixelPush(int(r), int(c), direction) for r, c in grid]
        touching = [p for p in pushes if rule.touches(labels, p, workspace)]
        # Fingers that come down on the table move what they then meet; on an object they may get stuck.
        free = [p for p in touching if not labels[p.row, p.col]] or touching
        kept = np.linspace(0, len(free) - 1, min(len(free), _NUM_STARTS)).astype(int)
        found += [free[k] for k in kept.tolist()]
    return found


def _crowd(labels: np.ndarray) -> int:
    """Return how many pixels of other objects lie near the target, number 255."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RING_PX + 1,) * 2)
    near = cv2.dilate((labels == 255).astype(np.uint8), disc) > 0
    return int((near & (labels > 0) & (labels != 255)).sum())


def _num_inside(mask: np.ndarray, observation: Observation) -> int:
    border = observation.workspace.border_px
    inner = slice(border, len(mask) - border)
    return int(mask[inner, inner].sum())
