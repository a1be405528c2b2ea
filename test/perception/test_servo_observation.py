"""Names, layout and packing of what the closed loop observes."""

import numpy as np
import pytest

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import GRIPPER, Observation
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    TCP,
    GripperStatus,
    check_servo_observation,
    pack_ages,
    pack_bounds,
    pack_heights,
    tcp_of,
    unpack_ages,
    unpack_heights,
)

_TRAY = Workspace("left", 0.45, 0.21, 0.002)
_STATUS = GripperStatus(0.16, 0.085, False, False, 1.0)


def _observation(**changes: np.ndarray) -> Observation:
    largest = np.array([0.05, 0.05, 0.06, 0.8])
    arrays = {
        HEIGHTS: np.zeros((36, 36), np.uint16),
        AGE: np.zeros((36, 36), np.uint8),
        GRIPPER: _STATUS.array,
        BOUNDS: pack_bounds(-largest, largest),
        TCP: np.array([0.45, 0.21, 0.162, 0.3]),
    }
    return Observation({**arrays, **changes}, _TRAY)


def test_heights_come_back_within_half_a_unit() -> None:
    heights = np.random.default_rng(0).uniform(0.0, 0.25, (36, 36))
    assert np.abs(unpack_heights(pack_heights(heights)) - heights).max() <= 0.51e-4


def test_packed_heights_pack_to_themselves() -> None:
    packed = np.arange(0, 3000, 7, dtype=np.uint16).reshape(3, -1)
    assert np.array_equal(pack_heights(unpack_heights(packed)), packed)


def test_heights_below_the_floor_are_floor() -> None:
    assert pack_heights(np.array([[-0.004]])).tolist() == [[0]]


def test_ages_saturate() -> None:
    packed = pack_ages(np.array([[0.0, 1.26, 25.5, 400.0, np.inf]]))
    assert packed.tolist() == [[0, 13, 255, 255, 255]]
    assert unpack_ages(packed)[0, :3] == pytest.approx([0.0, 1.3, 25.5])


def test_gripper_status_comes_back() -> None:
    for status in (_STATUS, GripperStatus(0.0125, 0.03125, True, True, 0.25)):
        assert GripperStatus.of(_observation(**{GRIPPER: status.array})).array == pytest.approx(
            status.array
        )


@pytest.mark.parametrize("left", [-0.1, 1.1, np.nan])
def test_share_of_steps_is_a_share(left: float) -> None:
    with pytest.raises(PerceptionError, match="steps_left must be in"):
        GripperStatus(0.1, 0.085, False, False, left)


def test_good_observation_passes() -> None:
    check_servo_observation(_observation())
    assert tcp_of(_observation()) == (0.45, 0.21, 0.162, 0.3)


def test_a_picture_stands_in_for_heights_and_age() -> None:
    arrays = {k: v for k, v in _observation().arrays.items() if k not in (HEIGHTS, AGE)}
    picture = np.zeros((48, 64, 3), np.uint8)
    check_servo_observation(Observation({**arrays, PICTURE: picture}, _TRAY))


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        (HEIGHTS, np.zeros((36, 36), np.float32), "'heights' must be square and uint16"),
        (AGE, np.zeros((36, 35), np.uint8), "'age' must be square and uint8"),
        (AGE, np.zeros((32, 32), np.uint8), "the same shape"),
        (GRIPPER, np.zeros(3, np.float32), r"'gripper' must have shape \(5,\)"),
        (TCP, np.zeros(3), r"'tcp' must have shape \(4,\)"),
        (PICTURE, np.zeros((48, 64), np.uint8), r"'picture' must be uint8 and of shape"),
        (BOUNDS, np.zeros((4, 2), np.float32), r"'bounds' must have shape \(2, 4\)"),
        (BOUNDS, np.full((2, 4), 0.01, np.float32), "must allow no motion at all"),
    ],
)
def test_wrong_array_is_named(name: str, array: np.ndarray, words: str) -> None:
    with pytest.raises(PerceptionError, match=words):
        check_servo_observation(_observation(**{name: array}))


def test_missing_array_is_named() -> None:
    arrays = dict(_observation().arrays)
    del arrays[BOUNDS]
    with pytest.raises(PerceptionError, match=r"no 'bounds'; it holds age, gripper, heights, tcp"):
        check_servo_observation(Observation(arrays, _TRAY))


def test_bounds_that_are_not_finite_are_refused() -> None:
    with pytest.raises(PerceptionError, match="not finite"):
        pack_bounds(np.full(4, -np.inf), np.zeros(4))
