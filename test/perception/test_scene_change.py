"""What came, went or was pushed is seen; a camera's noise at edges is not."""

import numpy as np
import pytest

from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.scene_change import has_changed, is_gone

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)


def scene(row: int = 60, height: float = 0.035) -> np.ndarray:
    """Return a box of 14 x 14 cells."""
    heights = np.zeros((160, 160), np.float32)
    heights[row : row + 14, 60:74] = height
    return heights


def test_a_pushed_box_is_a_change() -> None:
    assert has_changed(scene(), scene(row=66), TABLE)
    assert has_changed(scene(), np.zeros((160, 160), np.float32), TABLE)


def test_flickering_edges_are_none(rng: np.random.Generator) -> None:
    noisy = scene() + rng.normal(0.0, 0.002, (160, 160)).astype(np.float32)
    noisy[60, 60:74] = noisy[60:74, 73] = 0.0  # two rims are seen as table
    assert not has_changed(scene(), noisy, TABLE)


def test_what_happens_beyond_the_action_square_is_none() -> None:
    assert not has_changed(scene(), np.maximum(scene(), scene(row=1)), TABLE)


@pytest.mark.parametrize("height", [0.012, 0.1])
def test_an_object_is_gone_when_its_place_is_lower(height: float) -> None:
    before = scene(height=height)
    mask = before > 0.0
    assert is_gone(before, np.zeros_like(before), mask)
    assert not is_gone(before, before, mask)
    assert not is_gone(before, before + scene(row=64, height=0.05), mask)
