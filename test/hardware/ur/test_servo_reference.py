"""Set-points keep to the trajectory, to the robot's pace and to the stop accelerations."""

import numpy as np
import pytest

from equigrasp.devices.arm import JointTrajectory
from equigrasp.devices.cell import ArmConfig
from equigrasp.hardware.ur.servo_reference import ServoReference

_STEP = 0.008  # [s]


@pytest.fixture
def reference(arm_config: ArmConfig) -> ServoReference:
    return ServoReference(arm_config.limits, np.array(arm_config.home_positions))


def ramp(start: np.ndarray, change: float, duration: float) -> JointTrajectory:
    """From rest to rest, first joint."""
    way = np.zeros_like(start)
    way[0] = change
    still = np.zeros_like(start)
    return JointTrajectory(
        np.array([0.0, duration]), np.vstack([start, start + way]), np.vstack([still, still])
    )


def run(reference: ServoReference, count: int, fraction: float = 1.0) -> np.ndarray:
    """Return the first joint's set-points of `count` steps."""
    points = []
    for _ in range(count):
        reference.advance(_STEP, fraction)
        points.append(reference.positions[0])
    return np.array(points)


def test_the_last_point_is_reached_in_time(reference: ServoReference) -> None:
    goal = reference.positions[0] + 0.4
    reference.follow(ramp(reference.positions, 0.4, 0.8))
    run(reference, 99)
    assert not reference.is_at_end
    run(reference, 2)
    assert reference.is_at_end
    assert reference.positions[0] == pytest.approx(goal)


def test_half_the_pace_takes_the_same_way_in_twice_the_time(reference: ServoReference) -> None:
    start = reference.positions
    reference.follow(ramp(start, 0.4, 0.8))
    whole = run(reference, 100)
    reference.brake_from(start, np.zeros_like(start))
    reference.follow(ramp(start, 0.4, 0.8))
    half = run(reference, 200, 0.5)
    assert half[1::2] == pytest.approx(whole)


def test_time_stands_still_while_the_robot_is_paused(reference: ServoReference) -> None:
    reference.follow(ramp(reference.positions, 0.4, 0.8))
    run(reference, 40)
    assert np.ptp(run(reference, 50, 0.0)) == 0.0
    assert not reference.is_at_rest


def test_a_brake_keeps_to_the_stop_acceleration(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    reference.follow(ramp(reference.positions, 0.9, 1.0))
    run(reference, 62)
    speed = reference.velocities[0]
    assert speed > 1.3
    reference.brake()
    points = run(reference, 15)
    assert reference.is_at_rest
    rate = arm_config.limits.stop_accelerations[0]
    assert points[-1] - points[0] < speed**2 / (2 * rate)
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < 1.05 * rate


def test_a_start_that_is_off_is_joined_without_a_jump(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    goal = reference.positions[0] + 0.05 + 0.3
    reference.follow(ramp(reference.positions + 0.05, 0.3, 1.0))
    points = np.concatenate([[reference.positions[0]] * 2, run(reference, 130)])
    rate = arm_config.limits.stop_accelerations[0]
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < 1.2 * rate
    assert points[-1] == pytest.approx(goal)


def test_a_replaced_motion_is_left_without_a_jump(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    reference.follow(ramp(reference.positions, 0.9, 1.0))
    first = run(reference, 62)
    reference.follow(ramp(reference.positions, -0.3, 1.0))
    points = np.concatenate([first[-3:], run(reference, 130)])
    rate = arm_config.limits.stop_accelerations[0]
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < 1.2 * rate


def test_set_points_stay_within_the_joint_ranges(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    upper = np.array(arm_config.limits.upper)
    reference.brake_from(upper - 0.001, np.full(6, 1.0))
    run(reference, 20)
    assert (reference.positions <= upper).all()


def test_after_an_interruption_the_pace_rises_slowly(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    reference.follow(ramp(reference.positions, 1.2, 0.8))  # at most 2.25 rad/s
    before = run(reference, 50)
    assert before[-1] - before[-2] > 2.2 * _STEP
    reference.interrupt()
    after = np.concatenate([before[-1:], before[-1:], run(reference, 90)])
    speeds = np.diff(after) / _STEP
    assert speeds[1] < 0.1
    assert np.diff(speeds).max() / _STEP < arm_config.limits.accelerations[0]
    assert reference.is_at_end
    assert after[-1] == pytest.approx(arm_config.home_positions[0] + 1.2)
