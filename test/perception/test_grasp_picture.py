"""Pictures of grasps for networks."""

import numpy as np
import pytest

from equigrasp.perception.grasp_picture import grasp_pictures

_PIXEL = 0.003125


def test_the_fingers_are_where_they_stand_open() -> None:
    (picture,) = grasp_pictures(np.zeros(1), np.array([0.075]), 64, _PIXEL)
    middle = 31.5
    assert picture[31, 31] == pytest.approx(0.5)  # the bar
    pad = round(middle + (0.075 / 2 + 0.006) / _PIXEL)
    assert picture[pad, 31] == pytest.approx(1.0)  # a finger, along rows at yaw 0
    assert picture[31, pad] == 0.0 and picture[pad + 6, 31] == 0.0
    assert picture.min() >= 0.0 and picture.max() <= 1.0


def test_half_a_turn_is_the_same_grasp_and_a_quarter_is_not() -> None:
    theta, width = np.array([0.3, 0.3 + np.pi, 0.3 + np.pi / 2]), np.full(3, 0.06)
    one, same, other = grasp_pictures(theta, width, 48, _PIXEL)
    assert np.allclose(one, same, atol=1e-6)
    assert np.abs(one - other).max() > 0.4
    assert np.allclose(other, np.rot90(one, 1), atol=1e-5)


def test_wider_grasps_are_longer_bars() -> None:
    narrow, wide = grasp_pictures(np.zeros(2), np.array([0.035, 0.085]), 64, _PIXEL)
    assert wide.sum() > narrow.sum() * 1.4
