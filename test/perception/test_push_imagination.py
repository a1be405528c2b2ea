"""Pushes that are imagined on hand-made scenes."""

import numpy as np
import pytest

from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_imagination import ImaginedScene, imagine_push
from equigrasp.perception.push_rule import PushRule

TABLE = Workspace("table", 0.45, -0.1, ceiling_z=0.35, heightmap_size_px=160, action_size_px=128)
_RULE = PushRule()  # 10 cm, 32 px
_ALONG_ROWS = 0


def _imagine(
    boxes: list[tuple[slice, slice]], push: PixelPush
) -> tuple[ImaginedScene, np.ndarray]:
    """Return what a push makes of boxes 3 cm high, labelled from 1, and the labels before."""
    heightmap, labels = np.zeros((160, 160), np.float32), np.zeros((160, 160), np.uint8)
    for label, box in enumerate(boxes, start=1):
        heightmap[box], labels[box] = 0.03, label
    return imagine_push(heightmap, labels, push, _RULE, TABLE), labels


def _box(row: int, col: int, size: int = 12) -> tuple[slice, slice]:
    return slice(row, row + size), slice(col, col + size)


def test_an_object_goes_as_far_as_the_fingers_reach_past_it() -> None:
    found, _ = _imagine([_box(70, 74)], PixelPush(56, 80, _ALONG_ROWS))
    assert found.way[1] == pytest.approx(32 + 4 - 14)  # the front of the fingers is 4 px ahead
    rows, cols = np.nonzero(found.labels == 1)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (92, 103, 74, 85)
    assert found.heightmap[92:104, 74:86].min() == pytest.approx(0.03)
    assert found.heightmap[:92].max() == 0.0


def test_what_a_moved_object_meets_goes_along_less_the_gap() -> None:
    boxes = [_box(70, 74), _box(87, 74), _box(70, 110)]  # 5 px between the first two
    found, labels = _imagine(boxes, PixelPush(56, 80, _ALONG_ROWS))
    assert found.way[1:4].tolist() == [22.0, 17.0, 0.0]
    assert (found.labels == 3).sum() == (labels == 3).sum() == 144


def test_what_lies_behind_the_fingers_or_beside_their_way_stays() -> None:
    boxes = [_box(70, 74), _box(58, 74), _box(70, 86)]  # behind and beside, touching the first
    # Fingers come down on the first box and push it away from the one behind it.
    found, _ = _imagine(boxes, PixelPush(76, 80, _ALONG_ROWS))
    assert found.way[1:4].tolist() == [32.0, 0.0, 0.0]
    slanting = 2  # 40 degrees
    found, _ = _imagine([boxes[0], boxes[1]], PixelPush(76, 80, slanting))
    assert found.way[1] == 32.0 and found.way[2] == 0.0
    rows, cols = np.nonzero(found.labels == 1)
    assert rows.mean() - 75.5 == pytest.approx(32 * np.cos(np.deg2rad(40)), abs=0.5)
    assert cols.mean() - 79.5 == pytest.approx(32 * np.sin(np.deg2rad(40)), abs=0.5)


def test_an_object_that_is_met_beside_its_middle_goes_less_far() -> None:
    found, _ = _imagine([_box(70, 80)], PixelPush(56, 78, _ALONG_ROWS))
    lever = 0.9 * 2 * 143 / 12
    offset = 85.5 - (78 + 4)
    assert found.way[1] == pytest.approx(22 * lever / (lever + offset**2))


def test_the_stroke_ends_with_the_table_and_low_things_are_passed_over() -> None:
    found, _ = _imagine([_box(130, 74)], PixelPush(120, 80, _ALONG_ROWS))
    assert found.way[1] == pytest.approx(143.5 - 120 + 4 - 10)
    heightmap, labels = np.zeros((160, 160), np.float32), np.zeros((160, 160), np.uint8)
    heightmap[_box(70, 74)], labels[_box(70, 74)] = 0.008, 1  # fingers go 10 mm over the table
    found = imagine_push(heightmap, labels, PixelPush(56, 80, _ALONG_ROWS), _RULE, TABLE)
    assert not found.way.any() and np.array_equal(found.labels, labels)


def test_an_empty_table_stays_empty() -> None:
    found, _ = _imagine([], PixelPush(80, 80, 5))
    assert not found.labels.any() and not found.way.any()
