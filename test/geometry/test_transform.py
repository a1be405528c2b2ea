"""Rigid transforms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.angles import angle_distance, angle_to_bin, bin_to_angle, wrap_to_pi
from equigrasp.geometry.transform import Transform


def _random(rng: np.random.Generator) -> Transform:
    return Transform(rng.normal(size=3), Rotation.random(random_state=1).as_quat())


def test_a_transform_times_its_inverse_changes_nothing(rng: np.random.Generator) -> None:
    t = _random(rng)
    assert np.allclose((t * t.inverse()).matrix(), np.eye(4), atol=1e-12)


def test_chaining_is_matrix_multiplication(rng: np.random.Generator) -> None:
    a, b = _random(rng), Transform.top_down(0.1, 0.2, 0.3, 0.4)
    assert np.allclose((a * b).matrix(), a.matrix() @ b.matrix(), atol=1e-12)
    points = rng.normal(size=(5, 3))
    assert np.allclose((a * b).apply(points), a.apply(b.apply(points)))


def test_a_top_down_gripper_points_down_and_opens_along_its_yaw() -> None:
    pose = Transform.top_down(0.0, 0.0, 0.0, 0.3)
    assert np.allclose(pose.apply(np.array([0.0, 0.0, 1.0])), [0, 0, -1])
    assert np.allclose(pose.apply(np.array([1.0, 0.0, 0.0])), [np.cos(0.3), np.sin(0.3), 0])


def test_a_pose_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Transform(np.array([0.0, np.nan, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]))


def test_bins_and_angles_are_inverse() -> None:
    for n in (8, 16):
        assert [angle_to_bin(bin_to_angle(k, n), n) for k in range(n)] == list(range(n))
    assert angle_to_bin(np.pi - 0.01, 8) == 0
    with pytest.raises(ValueError, match="8"):
        bin_to_angle(8, 8)


def test_grasp_angles_repeat_every_half_turn() -> None:
    assert wrap_to_pi(np.pi + 0.2) == pytest.approx(0.2)
    assert angle_distance(0.05, np.pi - 0.05) == pytest.approx(0.1)


def test_a_grasp_with_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(CommandRejectedError, match="theta"):
        PlanarGrasp(0.0, 0.0, 0.0, float("inf"), 0.05)
