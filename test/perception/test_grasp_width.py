"""Fingers open less where they would come down on something."""

import numpy as np
import pytest

from equigrasp.geometry.four_bar import tip_rise
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.grasp_height import HandGeometry, grasp_height
from equigrasp.perception.grasp_rating import rate_grasps
from equigrasp.perception.grasp_width import grasp_width

PIXEL = 0.003125  # [m]
HAND, WORKSPACE = HandGeometry(0.04, 0.01, 0.008), Workspace("tray", 0.0, 0.0)
EMPTY = np.zeros((128, 128), np.float32)


def _width(heightmap: np.ndarray, theta: float = 0.0, min_width: float = 0.035) -> float:
    return grasp_width(
        heightmap, 64, 64, theta,
        pixel_size=PIXEL, finger_depth=0.04, min_width=min_width, max_width=0.085,
    )  # fmt: skip


def _height(heightmap: np.ndarray, width: float) -> float:
    return grasp_height(heightmap, 64, 64, 0.0, width, HAND, WORKSPACE)


def _bar(height: float = 0.05) -> np.ndarray:
    """A bar 25 mm wide under the grasp, along columns."""
    heightmap = EMPTY.copy()
    heightmap[60:68, 44:84] = height
    return heightmap


def test_alone_on_the_floor_the_fingers_open_all_the_way() -> None:
    assert _width(_bar()) == 0.085
    assert _width(EMPTY) == 0.085


@pytest.mark.parametrize("first_row", [76, 78, 80])
def test_beside_a_neighbour_they_open_less_but_round_the_object(first_row: int) -> None:
    heightmap = _bar()
    heightmap[first_row : first_row + 6, 44:84] = 0.05
    width = _width(heightmap)
    gap = (first_row - 64) * PIXEL  # from the middle to the neighbour
    assert 0.025 < width < 0.085
    assert width / 2 + 0.012 < gap + PIXEL
    assert _height(heightmap, width) < _height(heightmap, 0.085) - 0.01


def test_a_neighbour_lower_than_the_open_tips_is_let_be() -> None:
    heightmap = _bar()
    heightmap[76:82, 44:84] = 0.015
    assert _width(heightmap) == 0.085


def test_a_wall_counts_as_a_neighbour() -> None:
    heightmap = _bar()
    heightmap[78:, :] = 0.06
    assert 0.03 < _width(heightmap) < 0.085


def test_among_high_things_they_open_where_they_get_deepest() -> None:
    level = np.full((128, 128), 0.05, np.float32)
    assert _width(level) == 0.085  # no opening gets deeper than another
    level[60:68, :] = 0.06
    level[47:55] = level[74:82] = 0.03  # the only troughs, 31 to 53 mm from the middle
    assert _width(level) in (pytest.approx(0.075), pytest.approx(0.08))


def test_one_wild_pixel_changes_nothing() -> None:
    heightmap = _bar()
    heightmap[79, 64] = 0.2
    assert _width(heightmap) == 0.085


def test_the_smallest_opening_is_kept() -> None:
    heightmap = _bar()
    heightmap[73:90, 44:84] = 0.05
    assert _width(heightmap, min_width=0.06) >= 0.06
    assert _width(heightmap, min_width=0.085) == 0.085


def test_turning_the_map_keeps_the_width(rng: np.random.Generator) -> None:
    heightmap = rng.uniform(0.0, 0.06, (129, 129)).astype(np.float32)
    turned = np.rot90(heightmap).copy()  # about pixel (64, 64)
    for theta in (0.0, np.pi / 8, np.pi / 4):
        assert _width(turned, theta + np.pi / 2) == _width(heightmap, theta)


def test_tips_that_hang_lower_keep_their_distance() -> None:
    heightmap = np.full((128, 128), 0.05, np.float32)
    open_tips = _height(heightmap, 0.085) + tip_rise(0.085)
    assert _height(heightmap, 0.05) + tip_rise(0.05) == pytest.approx(open_tips)


def test_many_grasps_at_once_are_as_one_by_one(rng: np.random.Generator) -> None:
    blocks = rng.uniform(0.03, 0.08, (16, 16)) * (rng.random((16, 16)) < 0.2)
    heightmap = np.kron(blocks, np.ones((8, 8))).astype(np.float32)
    pixels = 8 * np.argwhere(blocks > 0.0)[:30] + rng.integers(2, 6, (30, 2))
    thetas = rng.uniform(0.0, np.pi, 30)
    widths = grasp_width(
        heightmap, *pixels.T, thetas,
        pixel_size=PIXEL, finger_depth=0.04, min_width=0.035, max_width=0.085,
    )  # fmt: skip
    heights = _heights(heightmap, pixels, thetas, widths)
    scores = rate_grasps(heightmap, pixels, thetas, pixel_size=PIXEL, height=heights, width=widths)
    assert len(np.unique(widths)) > 3
    assert 3 < sum(score is None for score in scores) < 27
    for k, (pixel, theta) in enumerate(zip(pixels, thetas, strict=True)):
        width = grasp_width(
            heightmap, *pixel, theta,
            pixel_size=PIXEL, finger_depth=0.04, min_width=0.035, max_width=0.085,
        )  # fmt: skip
        height = _heights(heightmap, pixel, theta, width)
        (score,) = rate_grasps(
            heightmap, pixel[None], theta, pixel_size=PIXEL, height=height, width=width
        )
        assert width == widths[k]
        assert height == pytest.approx(heights[k])
        assert score == (None if scores[k] is None else pytest.approx(scores[k], abs=1e-4))


def _heights(
    heightmap: np.ndarray, pixels: np.ndarray, theta: np.ndarray, width: np.ndarray
) -> np.ndarray:
    return grasp_height(heightmap, *pixels.T, theta, width, HAND, WORKSPACE)
