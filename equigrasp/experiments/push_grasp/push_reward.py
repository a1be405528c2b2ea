"""What a push earns: the one place that decides it."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from equigrasp.perception.observation import LABELS, TARGET, Observation

LOST = -1.0  # after it the target is not to be seen
# Made by hand, as the baselines do it: Xu et al., "Efficient learning of goal-oriented push-grasping synergy
# in clutter", RA-L 2021.
_EARNED = 0.5
_RISE = 0.1  # of the score, and fall of the share of the ring that objects fill, which counts
_RING_PX = 10  # about the target
_MIN_CHANGED_PX = 50  # of the heightmap, or nothing changed: by
_CHANGE = (0.01, 0.30)  # [m]

Reward = Literal["imagined", "hand", "sparse"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A scene before or after a push.

    Args:
        observation: With labels, and the target's mask as its goal.
        score: Of the best grasp there.
        is_held: Whether that grasp held the target.
    """

    observation: Observation
    score: float
    is_held: bool


def push_reward(kind: Reward, before: Outcome, after: Outcome) -> float:
    """Return the reward of a push between two scenes; see `TrainingConfig.reward`."""
    if kind == "hand":
        return _hand_reward(before, after)
    if after.is_held:
        return 1.0
    return after.score - before.score if kind == "imagined" else 0.0


def lost_reward(kind: Reward) -> float:
    """Return the reward of a push that lost the target; success alone knows no worse than none."""
    return {"imagined": LOST, "hand": -_EARNED, "sparse": 0.0}[kind]


def _hand_reward(before: Outcome, after: Outcome) -> float:
    """Return 0.5 for a better score in a changed scene with more room about the target; -0.5 without."""
    heights = [o.observation.heightmap for o in (before, after)]
    change = np.abs(heights[1] - heights[0])
    is_changed = ((change >= _CHANGE[0]) & (change <= _CHANGE[1])).sum() > _MIN_CHANGED_PX
    is_freed = _occupied(before.observation) - _occupied(after.observation) > _RISE
    if not (is_changed and is_freed):
        return -_EARNED
    return _EARNED if after.score - before.score > _RISE else 0.0


def _occupied(observation: Observation) -> float:
    """Return the share of the ring about the target that other objects fill."""
    target = np.asarray(observation.goal[TARGET]) > 0
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RING_PX + 1,) * 2)
    ring = (cv2.dilate(target.astype(np.uint8), disc) > 0) & ~target
    return float((observation.arrays[LABELS][ring] > 0).mean())
