"""A target seen through a segmenter's masks, and what is counted as differing from the truth."""

import numpy as np
import pytest

from equigrasp.environments.target_follower import TargetFollower
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation
from equigrasp.perception.target_tracker import TargetTracker

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)
FIRST, SECOND = slice(40, 60), slice(100, 120)  # rows and columns of two boxes


class _Renamed:
    """Tells the truth with other numbers in each look; hides an object when told to."""

    def __init__(self) -> None:
        self.hidden: int | None = None
        self._looks = 0

    def segment(self, observation: Observation) -> np.ndarray:
        self._looks += 1
        labels = observation.arrays[LABELS].astype(int)
        seen = np.where((labels > 0) & (labels != self.hidden), labels + 10 * self._looks, 0)
        return seen.astype(np.uint8)


def _scene(*, has_second: bool = True) -> Observation:
    labels = np.zeros((160, 160), np.uint8)
    labels[FIRST, FIRST] = 1
    if has_second:
        labels[SECOND, SECOND] = 2
    return Observation({HEIGHTMAP: (labels > 0) * np.float32(0.04), LABELS: labels}, TABLE)


def test_the_policy_sees_masks_and_not_the_truth() -> None:
    follower = TargetFollower(_Renamed(), TargetTracker(TABLE))
    seen = follower.begin(_scene(), 2)
    assert seen is not None and set(np.unique(seen.arrays[LABELS])) == {0, 11, 12}
    assert seen.goal[TARGET][SECOND, SECOND].all() and seen.goal[TARGET].sum() == 400
    seen = follower.follow(_scene(), None)
    assert seen is not None and set(np.unique(seen.arrays[LABELS])) == {0, 21, 22}
    assert seen.goal[TARGET].sum() == 400 and seen.goal[TARGET][SECOND, SECOND].all()
    assert (follower.num_looks, follower.num_differing) == (1, 0)


def test_a_target_without_a_mask_is_not_begun_with() -> None:
    segmenter = _Renamed()
    segmenter.hidden = 2
    assert TargetFollower(segmenter, TargetTracker(TABLE)).begin(_scene(), 2) is None


@pytest.mark.parametrize(
    ("hidden", "has_second", "differing"), [(2, True, 2), (None, False, 0), (2, False, 0)]
)
def test_what_is_missed_differs_if_it_is_there(
    hidden: int | None, has_second: bool, differing: int
) -> None:
    segmenter = _Renamed()
    follower = TargetFollower(segmenter, TargetTracker(TABLE))
    follower.begin(_scene(), 2)
    segmenter.hidden = hidden
    for _ in range(2):
        assert follower.follow(_scene(has_second=has_second), None) is None
    assert follower.is_lost
    assert (follower.num_looks, follower.num_differing) == (2, differing)


def test_a_mask_of_something_else_differs() -> None:
    """The second is gone, and the first is seen where it stood."""
    follower = TargetFollower(_Renamed(), TargetTracker(TABLE))
    follower.begin(_scene(), 2)
    moved = _scene(has_second=False)
    moved.arrays[LABELS][SECOND, SECOND] = 1
    moved.arrays[HEIGHTMAP][SECOND, SECOND] = 0.04
    moved.arrays[LABELS][FIRST, FIRST] = 0
    moved.arrays[HEIGHTMAP][FIRST, FIRST] = 0.0
    assert follower.follow(moved, None) is not None
    assert (follower.num_looks, follower.num_differing) == (1, 1)


def test_a_mask_wider_than_its_target_is_the_target_all_the_same() -> None:
    class Wide(_Renamed):
        def segment(self, observation: Observation) -> np.ndarray:
            labels = super().segment(observation)
            labels[80:120, 100:160] = labels[110, 110]  # most of it is table
            return labels

    follower = TargetFollower(Wide(), TargetTracker(TABLE))
    follower.begin(_scene(), 2)
    assert follower.follow(_scene(), None) is not None
    assert (follower.num_looks, follower.num_differing) == (1, 0)
