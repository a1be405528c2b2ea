"""Crops in the frame of the gripper."""

import math

import numpy as np
import pytest

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.gripper_crop import crop_about_gripper, nearest_about_gripper

_TRAY = Workspace("left", 0.45, 0.21, 0.002)
_CROP = {"size_px": 36, "pixel_size": 0.0045}


def _map(function: object) -> np.ndarray:
    """Return heights of a function of base x and y, both (S, 1) or (1, S)."""
    side = np.arange(_TRAY.heightmap_size_px)
    x = np.array([_TRAY.pixel_to_xy(int(i), 0)[0] for i in side])[:, None]
    y = np.array([_TRAY.pixel_to_xy(0, int(i))[1] for i in side])[None, :]
    return np.asarray(function(x, y), dtype=np.float32)  # type: ignore[operator]


def _bump(middle: tuple[float, float], yaw: float) -> np.ndarray:
    """Return a smooth, lopsided hill about a point, turned by a yaw [m]."""

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        dx, dy = x - middle[0], y - middle[1]
        u = dx * math.cos(yaw) + dy * math.sin(yaw)
        v = -dx * math.sin(yaw) + dy * math.cos(yaw)
        return 0.05 * np.exp(-((u / 0.04) ** 2) - (v / 0.015) ** 2) * (1.5 + np.tanh(u / 0.03))

    return _map(height)


@pytest.mark.parametrize("yaw", [0.0, 0.3, 1.2, 2.9, -0.8])
def test_scene_and_gripper_turned_together_give_the_same_crop(yaw: float) -> None:
    middle = (_TRAY.center_x + 0.012, _TRAY.center_y - 0.02)
    still = crop_about_gripper(_bump(middle, 0.0), _TRAY, middle, 0.0, **_CROP)
    turned = crop_about_gripper(_bump(middle, yaw), _TRAY, middle, yaw, **_CROP)
    assert still.max() > 0.06  # the hill is in it
    assert np.abs(turned - still).max() < 2e-3  # what interpolation costs


def test_a_crop_moves_with_the_gripper() -> None:
    here, there = (0.42, 0.20), (0.42 + 5 * _TRAY.pixel_size, 0.20 - 3 * _TRAY.pixel_size)
    one = crop_about_gripper(_bump(here, 0.5), _TRAY, here, 0.9, **_CROP)
    other = crop_about_gripper(_bump(there, 0.5), _TRAY, there, 0.9, **_CROP)
    assert np.abs(one - other).max() < 1e-6


@pytest.mark.parametrize("yaw", [0.0, 0.1, 1.0, math.pi / 2, 2.5])
def test_half_a_turn_flips_the_crop_bit_for_bit(yaw: float) -> None:
    heights = np.random.default_rng(1).uniform(0.0, 0.1, (128, 128)).astype(np.float32)
    for function in (crop_about_gripper, nearest_about_gripper):
        crops = [
            function(heights, _TRAY, (0.47, 0.18), yaw + k * math.pi, **_CROP)
            for k in (0, 1, 2, -1)
        ]
        assert np.array_equal(crops[2], crops[0])
        for flipped in (crops[1], crops[3]):
            assert np.array_equal(flipped, crops[0][::-1, ::-1])
        assert not np.array_equal(crops[1], crops[0])


def test_rows_grow_where_the_fingers_open() -> None:
    yaw = 0.6
    ramp = _map(lambda x, y: (x - 0.45) * math.cos(yaw) + (y - 0.21) * math.sin(yaw) + 0.3 + 0 * y)
    crop = crop_about_gripper(ramp, _TRAY, (0.45, 0.21), yaw, **_CROP)
    assert np.diff(crop, axis=0) == pytest.approx(0.0045, abs=1e-6)
    assert np.diff(crop, axis=1) == pytest.approx(0.0, abs=1e-6)
    assert crop.mean() == pytest.approx(0.3, abs=1e-6)


def test_the_grid_itself_comes_back() -> None:
    heights = np.random.default_rng(2).uniform(0.0, 0.1, (128, 128)).astype(np.float32)
    crop = crop_about_gripper(
        heights,
        _TRAY,
        (_TRAY.center_x, _TRAY.center_y),
        0.0,
        size_px=128,
        pixel_size=_TRAY.pixel_size,
    )
    assert np.abs(crop - heights).max() < 1e-7


def test_beyond_the_map_its_rim_goes_on() -> None:
    heights = np.full((128, 128), 0.07, np.float32)
    crop = crop_about_gripper(heights, _TRAY, (0.9, 0.9), 0.3, **_CROP)
    assert crop == pytest.approx(0.07)


@pytest.mark.parametrize("pose", [((math.nan, 0.2), 0.0), ((0.4, 0.2), math.inf)])
def test_a_pose_that_is_not_finite_is_refused(pose: tuple) -> None:
    with pytest.raises(PerceptionError, match="finite TCP position and yaw"):
        crop_about_gripper(np.zeros((128, 128)), _TRAY, *pose, **_CROP)


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(PerceptionError, match=r"\(64, 64\) does not fit workspace 'left'"):
        crop_about_gripper(np.zeros((64, 64)), _TRAY, (0.4, 0.2), 0.0, **_CROP)
