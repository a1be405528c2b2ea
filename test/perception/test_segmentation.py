"""Labels from heights, and how good labels are."""

import numpy as np
import pytest

from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.deep_watershed import depth_inside, labels_of
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.perception.segmentation import mean_iou, segmented

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)


def _scene() -> tuple[np.ndarray, np.ndarray]:
    """Return heights and labels: two boxes apart, and one of another height that touches the second."""
    heights, labels = np.zeros((160, 160), np.float32), np.zeros((160, 160), np.uint8)
    for k, (rows, cols, height) in enumerate(
        [((30, 50), (30, 50), 0.04), ((80, 100), (60, 80), 0.03), ((80, 100), (80, 96), 0.06)],
        start=1,
    ):
        heights[slice(*rows), slice(*cols)] = height
        labels[slice(*rows), slice(*cols)] = k
    return heights, labels


def test_objects_apart_and_touching_ones_of_other_heights_are_told_apart() -> None:
    heights, truth = _scene()
    found = DepthSegmenter().segment(Observation.of_heightmap(heights, TABLE))
    assert found.dtype == np.uint8 and found.max() == 3
    assert mean_iou(found, truth) > 0.75
    assert (found[truth == 0] > 0).mean() < 0.01


def test_noise_and_crumbs_are_no_objects() -> None:
    rng = np.random.default_rng(0)
    heights = np.abs(rng.normal(0.0, 0.0015, (160, 160))).astype(np.float32)
    heights[40:44, 40:44] = 0.02
    assert DepthSegmenter().segment(Observation.of_heightmap(heights, TABLE)).max() == 0


def test_more_objects_than_labels_lose_the_rest() -> None:
    heights = np.zeros((160, 160), np.float32)
    for row in range(2, 158, 9):
        for col in range(2, 158, 9):
            heights[row : row + 7, col : col + 7] = 0.03
    found = DepthSegmenter(min_px=9).segment(Observation.of_heightmap(heights, TABLE))
    assert found.max() == 255


def test_iou_shares_labels_out_and_counts_what_is_missing() -> None:
    _, truth = _scene()
    assert mean_iou(truth, truth) == 1.0
    swapped = np.array([0, 3, 1, 2], np.uint8)[truth]
    assert mean_iou(swapped, truth) == 1.0
    merged = np.array([0, 1, 2, 2], np.uint8)[truth]
    assert mean_iou(merged, truth) == pytest.approx((1.0 + 400 / 720 + 0.0) / 3)
    assert np.isnan(mean_iou(truth, np.zeros_like(truth)))


def test_labels_of_another_source_stay() -> None:
    heights, truth = _scene()
    bare = Observation.of_heightmap(heights, TABLE)
    assert segmented(bare, DepthSegmenter()).arrays[LABELS].max() == 3
    given = Observation({**bare.arrays, LABELS: truth * 0 + 7}, TABLE)
    assert segmented(given, DepthSegmenter()) is given


def test_labels_come_back_from_how_far_inside_a_cell_is() -> None:
    _, truth = _scene()
    depth = depth_inside(truth)
    assert depth.min() == 0.0 and depth.max() == 1.0 and depth[truth == 0].max() == 0.0
    assert depth[40, 40] == 1.0 and 0.0 < depth[30, 40] < 0.5  # middle and rim
    assert 0.0 < depth[90, 79] < 0.5 and 0.0 < depth[90, 80] < 0.5  # between two that touch
    assert mean_iou(labels_of(depth), truth) > 0.95
    assert labels_of(np.zeros((160, 160), np.float32)).max() == 0
