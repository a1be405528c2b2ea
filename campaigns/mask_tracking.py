"""Tracking for `mask_quality.py`: every object of a scene is followed through its looks."""

import copy
from dataclasses import dataclass, field

import numpy as np
from mask_scenes import MaskScene

from equigrasp.experiments.push_grasp.grasp_labels import MIN_VISIBLE_PX
from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_rule import PushRule
from equigrasp.perception.segmentation import LOST_PX
from equigrasp.perception.target_tracker import TargetTracker


@dataclass(frozen=True, eq=False)
class Followed:
    """What became of the objects of a scene.

    Args:
        way: That the object went in a step, shape (N,) [m].
        is_right: Whether the tracker went with it, shape (N,).
        is_wrong: Whether it went with another, shape (N,); else it said none.
        is_kept: Whether it was right in all steps of an object, shape (M,).
        is_missed: Whether it says none where an object is taken out of the labels, shape (L,).
        is_unseen: Whether an object has no mask of its own to begin with, shape (O,).
    """

    way: np.ndarray
    is_right: np.ndarray
    is_wrong: np.ndarray
    is_kept: np.ndarray
    is_missed: np.ndarray
    is_unseen: np.ndarray


@dataclass(eq=False)
class _Lists:
    """`Followed` as it grows."""

    way: list[float] = field(default_factory=list)
    is_right: list[bool] = field(default_factory=list)
    is_wrong: list[bool] = field(default_factory=list)
    is_kept: list[bool] = field(default_factory=list)
    is_missed: list[bool] = field(default_factory=list)
    is_unseen: list[bool] = field(default_factory=list)


def follow_all(
    scene: MaskScene,
    labels: np.ndarray,
    heightmaps: np.ndarray,
    workspace: Workspace,
    rng: np.random.Generator,
) -> Followed:
    """Follow each object of the first look through all looks.

    Args:
        scene: With true labels and pushes.
        labels: What the tracker sees of each look, shape (K, S, S).
        heightmaps: The same [m].
        workspace: Of the maps.
        rng: Draws the numbers of objects in each look anew.
    """
    numbers = [np.concatenate([[0], 1 + rng.permutation(255)]).astype(np.uint8) for _ in labels]
    labels = np.stack([number[of_look] for number, of_look in zip(numbers, labels, strict=True)])
    lists = _Lists()
    border = workspace.border_px
    inner = scene.labels[0][border:-border, border:-border]
    for thing in np.flatnonzero(np.bincount(inner.ravel()) >= MIN_VISIBLE_PX).tolist():
        if thing:
            begun = _most(scene.labels[0], labels[0], thing)
            is_own = begun > 0 and _most(labels[0], scene.labels[0], begun) == thing
            lists.is_unseen.append(not is_own)
            if is_own:
                tracker = TargetTracker(workspace)
                tracker.begin(labels[0], heightmaps[0], begun)
                _follow(tracker, thing, scene, labels, heightmaps, workspace, lists)
    return Followed(**{name: np.array(values) for name, values in vars(lists).items()})


def _follow(
    tracker: TargetTracker,
    thing: int,
    scene: MaskScene,
    labels: np.ndarray,
    heightmaps: np.ndarray,
    workspace: Workspace,
    lists: _Lists,
) -> None:
    """Follow one object until it is gone or the tracker is wrong."""
    for k, (row, col, direction, _) in enumerate(scene.pushes.tolist()):
        after = scene.labels[k + 1] == thing
        if after.sum() < LOST_PX:
            return
        push = PushRule().push(scene.heightmaps[k], PixelPush(row, col, direction), workspace)
        seen = labels[k + 1], heightmaps[k + 1]
        before = copy.deepcopy(tracker) if k + 1 == len(scene.pushes) else None
        found = tracker.follow(*seen, push)
        is_right = found is not None and _most(seen[0], scene.labels[k + 1], found) == thing
        way = np.argwhere(after).mean(axis=0) - np.argwhere(scene.labels[k] == thing).mean(axis=0)
        lists.way.append(float(np.linalg.norm(way)) * workspace.pixel_size)
        lists.is_right.append(is_right)
        lists.is_wrong.append(found is not None and not is_right)
        if not is_right:
            lists.is_kept.append(False)
            return
        if before is not None:
            without = np.where(seen[0] == found, 0, seen[0])
            lists.is_missed.append(before.follow(without, seen[1], push) is None)
    lists.is_kept.append(True)


def _most(labels: np.ndarray, others: np.ndarray, label: int) -> int:
    """Return which object of other labels has most cells in a mask; 0: there is none."""
    counts = np.bincount(others[labels == label])
    counts[0] = 0
    return int(counts.argmax())
