"""Where pushes begin, and how high."""

import numpy as np
import pytest

from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.angles import bin_to_direction, direction_to_bin
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_rule import PushRule

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)


def test_a_push_begins_at_its_pixel_and_goes_its_way() -> None:
    push = PushRule().push(np.zeros((160, 160)), PixelPush(40, 60, 5), TABLE)
    assert (push.x, push.y) == TABLE.pixel_to_xy(40, 60)
    assert push.z == pytest.approx(0.010) and push.length == pytest.approx(0.10)
    assert direction_to_bin(push.direction, 18) == 5
    assert push.direction == pytest.approx(bin_to_direction(5, 18))
    far = PushRule().push(np.zeros((160, 160)), PixelPush(40, 60, 15), TABLE)
    assert -np.pi < far.direction < 0.0 and direction_to_bin(far.direction, 18) == 15


def test_what_stands_at_the_start_lifts_the_fingers() -> None:
    heightmap = np.zeros((160, 160))
    heightmap[80:90, 80:90] = 0.05
    high = PushRule().push(heightmap, PixelPush(85, 85, 0), TABLE)
    beside = PushRule().push(heightmap, PixelPush(95, 85, 0), TABLE)
    assert high.z == pytest.approx(0.03) and beside.z == pytest.approx(0.01)


def test_starts_lie_near_the_target_and_in_the_action_square() -> None:
    target = np.zeros((160, 160), bool)
    target[20:24, 80:84] = True
    starts = PushRule().starts(target, TABLE)
    rows, cols = np.nonzero(starts)
    distance = np.hypot(rows - rows.clip(20, 23), cols - cols.clip(80, 83)) * TABLE.pixel_size
    assert distance.max() <= 0.08 and rows.min() == TABLE.border_px
    assert starts[45, 81] and not starts[55, 81]


def test_none_like_a_push_that_moved_nothing_is_allowed() -> None:
    target = np.zeros((160, 160), bool)
    target[78:84, 78:84] = True
    rule, flat = PushRule(), np.zeros((160, 160))
    before = rule.allowed(target, TABLE)
    after = rule.without([rule.push(flat, PixelPush(80, 70, 5), TABLE)]).allowed(target, TABLE)
    lost = np.argwhere(before & ~after)
    assert before[5, 80, 70] and before[5, 80, 80] and not (after & ~before).any()
    assert set(lost[:, 0]) == {3, 4, 5, 6, 7}  # within 45 degrees
    assert np.hypot(lost[:, 1] - 80, lost[:, 2] - 70).max() * TABLE.pixel_size <= 0.015
    assert not after[5, 80, 70] and after[5, 80, 80] and after[14, 80, 70]


def test_direction_bins_cover_the_whole_turn() -> None:
    for k in range(18):
        assert direction_to_bin(bin_to_direction(k, 18), 18) == k
        assert direction_to_bin(bin_to_direction(k, 18) - 2 * np.pi, 18) == k
    with pytest.raises(ValueError, match="18"):
        bin_to_direction(18, 18)
