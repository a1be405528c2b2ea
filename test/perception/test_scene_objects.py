"""Objects of a labelled scene are described in metres of the base frame."""

import numpy as np
import pytest

from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import HEIGHTMAP, LABELS, Observation
from equigrasp.perception.scene_objects import scene_objects, seen_px

TABLE = Workspace("table", 0.45, -0.1, floor_z=0.01, heightmap_size_px=160, action_size_px=128)


def test_objects_are_where_their_cells_are() -> None:
    heights, labels = np.zeros((160, 160), np.float32), np.zeros((160, 160), np.uint8)
    labels[80:96, 40:50], heights[80:96, 40:50] = 3, 0.04
    heights[80, 40] = 0.06
    labels[10:20, 10:20] = 200
    seen = Observation({HEIGHTMAP: heights, LABELS: labels}, TABLE)
    box, other = scene_objects(seen)
    assert (box.label, other.label) == (3, 200)
    low, high = np.array(TABLE.pixel_to_xy(80, 40)), np.array(TABLE.pixel_to_xy(95, 49))
    assert box.centroid[:2] == pytest.approx((low + high) / 2)
    assert box.centroid[2] == pytest.approx(0.01 + heights[labels == 3].mean())
    half = TABLE.pixel_size / 2
    assert box.lower == pytest.approx((*(low - half), 0.01))
    assert box.upper == pytest.approx((*(high + half), 0.07))
    assert box.area == pytest.approx(16 * 10 * TABLE.pixel_size**2)
    assert box.height == pytest.approx(0.06)


def test_only_cells_of_the_action_square_are_seen() -> None:
    mask = np.zeros((160, 160), bool)
    mask[10:20, 80] = True  # the square begins at 16
    assert seen_px(mask, TABLE) == 4
