"""Masks with noise: how far rims move, and how many objects are merged, split and missing."""

import numpy as np
import pytest
from scipy import ndimage

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.mask_noise import MaskNoise, NoisyTruth, noisy_labels
from equigrasp.perception.observation import LABELS, Observation

RIMS = MaskNoise(confused=0.0, missing=0.0)


def _grid(gap: int) -> np.ndarray:
    """Return 25 boxes of 16 px in rows and columns, with a gap between [px]."""
    labels = np.zeros((160, 160), np.uint8)
    for k in range(25):
        row, col = (8 + (16 + gap) * i for i in divmod(k, 5))
        labels[row : row + 16, col : col + 16] = k + 1
    return labels


def test_rims_move_by_two_cells_at_most() -> None:
    labels = _grid(0)
    rims = np.zeros(labels.shape, bool)
    square = np.ones((5, 5), bool)
    for k in range(1, 26):
        mask = labels == k
        rims |= ndimage.binary_dilation(mask, square) & ~ndimage.binary_erosion(mask, square)
    sizes = []
    for seed in range(20):
        found = noisy_labels(labels, np.random.default_rng(seed), RIMS)
        assert found.dtype == np.uint8 and set(np.unique(found)) == set(range(26))
        assert not ((found != labels) & ~rims).any()
        sizes += np.bincount(found.ravel())[1:].tolist()
    assert min(sizes) == 12 * 12 and max(sizes) > 256  # eroded by 2; grown into others


def test_shares_are_those_asked_for() -> None:
    labels = _grid(6)  # none has a neighbour within reach
    missing = split = 0
    rng = np.random.default_rng(1)
    for _ in range(100):
        found = noisy_labels(labels, rng, MaskNoise(rim_px=0))
        missing += 25 - len(np.unique(found[(found > 0) & (found <= 25)]))
        split += int((np.unique(found) > 25).sum())
    assert missing / 2500 == pytest.approx(0.02, abs=0.009)  # three deviations
    assert split / 2500 == pytest.approx(0.05, abs=0.013)


def test_neighbours_are_merged_half_of_the_time() -> None:
    labels, rng = _grid(0), np.random.default_rng(2)
    merged = split = 0
    for _ in range(100):
        found = noisy_labels(labels, rng, MaskNoise(rim_px=0, confused=0.04, missing=0.0))
        merged += 25 - len(np.unique(found[(found > 0) & (found <= 25)]))
        split += int((np.unique(found) > 25).sum())
        assert (found > 0).sum() == (labels > 0).sum()  # nothing appears or vanishes
    assert split / 2500 == pytest.approx(0.02, abs=0.009)
    assert merged / 2500 == pytest.approx(0.02, abs=0.009)


def test_a_kept_object_is_always_there() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        found = noisy_labels(_grid(0), rng, MaskNoise(confused=0.5, missing=0.5), kept=13)
        assert (found == 13).any()


def test_the_same_draws_give_the_same_masks() -> None:
    table = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)
    seen = Observation({LABELS: _grid(2)}, table)
    first, again = (NoisyTruth(np.random.default_rng(4)) for _ in range(2))
    looks = [first.segment(seen) for _ in range(2)]
    assert all((look == again.segment(seen)).all() for look in looks)
    assert (looks[0] != looks[1]).any()
    assert noisy_labels(np.zeros((9, 9), np.uint8), np.random.default_rng(0)).max() == 0


def test_noise_out_of_range_is_named() -> None:
    with pytest.raises(PerceptionError, match="rim_px must be 0 or more, found -1"):
        MaskNoise(rim_px=-1)
    with pytest.raises(PerceptionError, match=r"missing must be in \[0, 1\], found 1.5"):
        MaskNoise(missing=1.5)


def test_the_other_part_of_a_split_object_has_a_number_that_no_object_had() -> None:
    labels, rng = _grid(6), np.random.default_rng(5)
    for _ in range(50):
        found = noisy_labels(labels, rng, MaskNoise(rim_px=0, confused=0.5, missing=0.5))
        own = (found > 0) & (found <= 25)
        assert (found[own] == labels[own]).all()
