"""A target is followed through label maps whose numbers change."""

import numpy as np
import pytest

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_imagination import push_ways
from equigrasp.perception.target_tracker import TargetTracker

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)
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


def _push(row: int, col: int, degrees: float = 0.0) -> Push:
    """Return a push of 10 cm from a pixel, 10 mm over the table; at 0 along rows."""
    x, y = TABLE.pixel_to_xy(row, col)
    return Push(x, y, TABLE.floor_z + 0.01, float(np.deg2rad(degrees)), 0.10)


def _tracker() -> TargetTracker:
    return TargetTracker(TABLE)


def test_a_pushed_target_is_known_by_other_numbers() -> None:
    """Pushed 5 cm along columns, onto where nothing of it was before."""
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B, 3: C}), target_id=1)
    push = _push(67, 44)  # along rows: passes by
    assert tracker.follow(*_scene({9: A, 7: B, 200: C}), push) == 9
    push = _push(53, 67)  # meets A after 7 px, carries it 16 px, through where C stands
    seen = _scene({5: _moved(A, 16, 0), 1: C, 9: B})
    assert tracker.follow(*seen, push) == 5
    push = _push(83, 44, 80.0)  # 80 degrees, nearly along columns
    carried = _moved(A, 16 + 3, 16)
    assert tracker.follow(*_scene({2: carried, 5: C, 3: B}), push) == 2


def test_a_target_that_stands_still_in_spite_of_a_push_stays() -> None:
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B}), target_id=1)
    assert tracker.follow(*_scene({4: A, 6: B}), _push(67, 50, 80.0)) == 4


def test_a_target_that_vanishes_is_missed_then_lost() -> None:
    tracker = _tracker()
    tracker.begin(*_scene({1: A, 2: B, 3: C}), target_id=1)
    gone = _scene({1: B, 2: C})
    assert tracker.follow(*gone, _push(53, 67)) is None and not tracker.is_lost
    assert tracker.follow(*gone, None) is None and tracker.is_lost
    with pytest.raises(PerceptionError, match="lost; begin again with a new one"):
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
    push = _push(67, 50, 80.0)
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
    with pytest.raises(PerceptionError, match=r"\(0.999, 0.000\) m begins outside .* 'table'"):
        tracker.follow(labels, heights, Push(0.999, 0.0, 0.01, 0.0, 0.1))
    assert tracker.follow(labels, heights, None) == 1  # refused looks changed nothing


def test_a_push_carries_what_it_meets_and_what_that_meets() -> None:
    rows = {1: (60, 60, 10, 14, 0.04), 2: (75, 60, 10, 14, 0.04), 3: (60, 90, 10, 14, 0.04)}
    labels, heights = _scene(rows)
    ways = push_ways(_push(50, 66), labels, heights, TABLE)
    # Of 32 px the first 6 are free, with fingers 4 px ahead of their middle; then 5 px between the two.
    assert ways[:4] == pytest.approx([0.0, 26.0, 21.0, 0.0])
    assert not push_ways(_push(50, 66), labels, heights * 0.2, TABLE).any()  # they pass over them
    moved, heights = np.roll(labels, 65, axis=0), np.roll(heights, 65, axis=0)
    ways = push_ways(_push(115, 66), moved, heights, TABLE)
    assert ways[:4] == pytest.approx([0.0, 22.5, 17.5, 0.0])  # 28.5 px to the action square's end
