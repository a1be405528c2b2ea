"""Motions in the frame of a gripper."""

import math

import numpy as np
import pytest

from equigrasp.geometry.gripper_frame import to_base_frame, to_gripper_frame
from equigrasp.geometry.transform import Transform


def test_a_motion_comes_back() -> None:
    motions = np.random.default_rng(0).normal(size=(5, 7, 4))
    there = to_base_frame(motions, 0.7)
    assert to_gripper_frame(there, 0.7) == pytest.approx(motions, abs=1e-12)
    assert np.array_equal(there[..., 2:], motions[..., 2:])


def test_x_is_where_the_fingers_open() -> None:
    yaw = 0.4
    opening = Transform.top_down(0.0, 0.0, 0.0, yaw).rotation.apply([1.0, 0.0, 0.0])
    ahead = to_base_frame(np.array([1.0, 0.0, 0.0, 0.0]), yaw)
    assert ahead[:3] == pytest.approx(opening, abs=1e-12)
    left = to_base_frame(np.array([0.0, 1.0, 0.0, 0.0]), yaw)
    assert left[:2] == pytest.approx([-math.sin(yaw), math.cos(yaw)])
