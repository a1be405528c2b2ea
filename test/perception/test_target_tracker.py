"""A target is followed through label maps whose numbers change."""

import numpy as np
import pytest

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelPush, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_effect import Stroke, push_ways
from equigrasp.perception.push_rule import PushRule
from equigrasp.perception.target_tracker import TargetTracker

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)
PIXEL_SIZE = TABLE.pixel_size
Boxes = dict[
    int, tuple[int, int, int, int, float]
]  # first row and column, rows, columns, height [m]
A, B, C = (60, 60, 14, 14, 0.04), (60, 100, 14, 14, 0.04), (100, 60, 20, 10, 0.07)


def _scene(boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and heights of boxes by number."""
    labels, heights = np.zeros((160, 160), np.uint8), np.zeros((160, 160), np.float32)
    for number, (row, col, rows, cols, height) in boxes.items():
        labels[row : row + rows, col : col + cols] = number
        heights[row : row + rows, col : col + cols] = height
    return labels, heights


def _moved(
    box: tuple[int, int, int, int, float], rows: int, cols: int
) -> tuple[int, int, int, int, float]:
    return (box[0] + rows, box[1] + cols, *box[2:])


def _tracker() -> TargetTracker:
    return TargetTracker(PIXEL_SIZE, border_px=TABLE.border_px)


def test_a_pushed_target_is_known_by_other_numbers() -> None:
    """Pushed 5 cm along columns, onto where nothing of it was before."""
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B, 3: C}), target_id=1)
    push = PixelPush(67, 44, 0)  # along rows: passes by
    assert tracker.follow(*_scene({9: A, 7: B, 200: C}), push) == 9
    push = PixelPush(53, 67, 0)  # meets A after 7 px, carries it 16 px, through where C stands
    seen = _scene({5: _moved(A, 16, 0), 1: C, 9: B})
    assert tracker.follow(*seen, push) == 5
    push = PixelPush(83, 44, 4)  # 80 degrees, nearly along columns
    carried = _moved(A, 16 + 3, 16)
    assert tracker.follow(*_scene({2: carried, 5: C, 3: B}), push) == 2


def test_a_target_that_stands_still_in_spite_of_a_push_stays() -> None:
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B}), target_id=1)
    assert tracker.follow(*_scene({4: A, 6: B}), PixelPush(67, 50, 4)) == 4


def test_a_target_that_vanishes_is_missed_then_lost() -> None:
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B, 3: C}), target_id=1)
    gone = _scene({1: B, 2: C})
    assert tracker.follow(*gone, PixelPush(53, 67, 0)) is None and not tracker.is_lost
    assert tracker.follow(*gone, None) is None and tracker.is_lost
    with pytest.raises(PerceptionError, match="lost; begin with one anew"):
        tracker.follow(*gone, None)
    tracker.begin(*gone, target_id=2)
    assert tracker.follow(*gone, None) == 2


def test_a_target_that_is_missed_once_is_found_again() -> None:
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B}), target_id=1)
    assert tracker.follow(*_scene({1: B}), None) is None
    assert tracker.follow(*_scene({7: B, 8: A}), None) == 8 and not tracker.is_lost


def test_like_boxes_side_by_side_are_not_swapped() -> None:
    """Numbers change places, nothing else; then both are shifted by half a box."""
    beside = _moved(A, 0, 15)
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: beside}), target_id=1)
    assert tracker.follow(*_scene({2: A, 1: beside}), None) == 2
    push = PixelPush(67, 50, 4)
    both = {1: _moved(A, 1, 7), 2: _moved(beside, 1, 7)}
    assert tracker.follow(*_scene(both), push) == 1


def test_an_empty_look_misses_the_target() -> None:
    tracker = _tracker()
    tracker.begin(*_scene({3: A}), target_id=3)
    assert tracker.follow(*_scene({}), None) is None


def test_bad_input_is_named() -> None:
    tracker, (labels, heights) = _tracker(), _scene({1: A, 4: B})
    with pytest.raises(PerceptionError, match="has no target"):
        tracker.follow(labels, heights, None)
    with pytest.raises(PerceptionError, match="No object has label 3. Labels: 1, 4"):
        tracker.begin(labels, heights, 3)
    with pytest.raises(PerceptionError, match="No object has label 0"):
        tracker.begin(labels, heights, 0)
    with pytest.raises(PerceptionError, match=r"\(150, 160\).*both have shape \(160, 160\)"):
        tracker.begin(labels[:150], heights, 1)
    tracker.begin(labels, heights, 1)
    small = np.zeros((128, 128), np.uint8), np.zeros((128, 128), np.float32)
    with pytest.raises(PerceptionError, match=r"\(128, 128\).*both have shape \(160, 160\)"):
        tracker.follow(*small, None)
    with pytest.raises(PerceptionError, match="must be integers"):
        tracker.follow(labels.astype(float), heights, None)
    with pytest.raises(PerceptionError, match="not finite"):
        tracker.follow(labels, heights * np.nan, None)
    with pytest.raises(PerceptionError, match=r"pixel \(160, 3\) begins outside"):
        tracker.follow(labels, heights, PixelPush(160, 3, 0))
    with pytest.raises(PerceptionError, match=r"bin 18 is not in \[0, 18\)"):
        tracker.follow(labels, heights, PixelPush(10, 3, 18))
    assert tracker.follow(labels, heights, None) == 1  # refused looks changed nothing
    with pytest.raises(PerceptionError, match="pixel_size must be positive, found 0.0"):
        TargetTracker(0.0)


def test_a_push_carries_what_it_meets_and_what_that_meets() -> None:
    rows = {1: (60, 60, 10, 14, 0.04), 2: (75, 60, 10, 14, 0.04), 3: (60, 90, 10, 14, 0.04)}
    labels, heights = _scene(rows)
    objects = [np.argwhere(labels == k) for k in (1, 2, 3)]
    stroke = Stroke.of(PixelPush(50, 66, 0), heights, PushRule(), PIXEL_SIZE, 16)
    assert stroke.length == pytest.approx(32.0) and stroke.height == pytest.approx(0.01)
    assert push_ways(stroke, objects, heights) == pytest.approx([22.0, 17.0, 0.0])
    low = Stroke.of(PixelPush(50, 66, 0), heights * 0.2, PushRule(), PIXEL_SIZE)
    assert not push_ways(low, objects, heights * 0.2).any()  # the fingers pass over them
    cut = Stroke.of(PixelPush(130, 66, 0), heights, PushRule(), PIXEL_SIZE, 16)
    assert cut.length == pytest.approx(13.5)  # up to where the action square ends


def test_a_push_goes_back_to_its_pixel() -> None:
    rule, pixel = PushRule(), PixelPush(40, 97, 13)
    heights = np.zeros((160, 160), np.float32)
    push = rule.push(heights, pixel, TABLE)
    assert push.direction < 0.0 and rule.pixel(push, TABLE) == pixel
    assert rule.pixel(Push(push.x, push.y, 0.1, 0.05, 0.02), TABLE) == PixelPush(40, 97, 0)
