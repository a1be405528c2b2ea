"""Rewards of pushes, worked by hand."""

import numpy as np
import pytest

from equigrasp.experiments.push_grasp.push_reward import Outcome, lost_reward, push_reward
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation

TABLE = Workspace("table", 0.45, -0.1, ceiling_z=0.35, heightmap_size_px=160, action_size_px=128)


def _outcome(score: float, col: int, is_held: bool = False) -> Outcome:
    """Return a target with a block that begins at a column; the target ends at 80."""
    heights, labels = np.zeros((160, 160), np.float32), np.zeros((160, 160), np.uint8)
    heights[70:80, 70:80], labels[70:80, 70:80] = 0.03, 1
    heights[66:84, col : col + 10], labels[66:84, col : col + 10] = 0.04, 2
    seen = Observation({HEIGHTMAP: heights, LABELS: labels}, TABLE, goal={TARGET: labels == 1})
    return Outcome(seen, score, is_held)


def test_the_imagined_reward_is_success_or_the_gain_in_score() -> None:
    before = _outcome(0.3, 80)
    assert push_reward("imagined", before, _outcome(0.5, 80)) == pytest.approx(0.2)
    assert push_reward("imagined", before, _outcome(0.1, 80)) == pytest.approx(-0.2)
    assert push_reward("imagined", before, _outcome(0.1, 80, True)) == 1.0


def test_the_sparse_reward_is_success_alone() -> None:
    before = _outcome(0.3, 80)
    assert push_reward("sparse", before, _outcome(0.9, 80)) == 0.0
    assert push_reward("sparse", before, _outcome(0.1, 80, True)) == 1.0


def test_the_reward_by_hand_needs_change_room_and_a_better_score() -> None:
    before = _outcome(0.3, 80)  # fills about a quarter of the ring
    assert push_reward("hand", before, _outcome(0.5, 100)) == 0.5
    assert (
        push_reward("hand", before, _outcome(0.35, 100)) == 0.0
    )  # room, but the score is as it was
    assert push_reward("hand", before, _outcome(0.9, 80)) == -0.5  # nothing changed
    assert push_reward("hand", before, _outcome(0.9, 81)) == -0.5  # a nudge that leaves no room
    assert (
        push_reward("hand", _outcome(0.3, 100), _outcome(0.9, 120)) == -0.5
    )  # there was room before


def test_a_lost_target_costs_what_the_reward_can_say() -> None:
    assert [lost_reward(k) for k in ("imagined", "hand", "sparse")] == [-1.0, -0.5, 0.0]  # type: ignore[arg-type]
