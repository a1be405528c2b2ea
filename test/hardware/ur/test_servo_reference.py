"""Set-points keep to the trajectory, to the robot's pace and to the stop accelerations."""

import numpy as np
import pytest

from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.motion import JointTrajectory
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


def test_half_the_pace_takes_the_same_way_in_twice_the_time(arm_config: ArmConfig) -> None:
    start = np.array(arm_config.home_positions)
    paces = []
    for count, pace in ((100, 1.0), (200, 0.5)):
        reference = ServoReference(arm_config.limits, start)
        reference.follow(ramp(start, 0.4, 0.8))
        paces.append(run(reference, count, pace))
    whole, half = paces
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
    reference.brake(reference.positions, reference.velocities)
    points = run(reference, 15)
    assert reference.is_at_rest
    rate = arm_config.limits.stop_accelerations[0]
    assert points[-1] - points[0] < speed**2 / (2 * rate)
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < 1.05 * rate


@pytest.mark.parametrize("lookahead_time", [0.03, 0.08])
@pytest.mark.parametrize("speed", [0.3, 1.0, 2.5])
def test_joints_that_lag_behind_stop_as_soon_as_if_they_did_not(
    speed: float, lookahead_time: float, reference: ServoReference, arm_config: ArmConfig
) -> None:
    start = reference.positions[0]
    reference.follow(ramp(reference.positions, 3.0 * speed / 1.5, 3.0))  # at most `speed`
    joint = Follower(start, lookahead_time)
    for _ in range(int(1.5 / _STEP)):
        reference.advance(_STEP, 1.0)
        joint.follow(reference.positions[0])
    lag = reference.positions[0] - joint.position
    assert joint.speed == pytest.approx(speed, rel=0.02)
    assert lag == pytest.approx(speed * lookahead_time, rel=0.2)
    asked = joint.position
    seen = (reference.positions.copy(), np.zeros(6))
    seen[0][0], seen[1][0] = joint.position, joint.speed
    reference.brake(*seen)
    speeds = [joint.speed]
    for _ in range(60):
        reference.advance(_STEP, 1.0)
        joint.follow(reference.positions[0])
        speeds.append(joint.speed)
    assert reference.is_at_rest and abs(joint.speed) < 0.01
    rate = arm_config.limits.stop_accelerations[0]
    assert joint.position - asked < 1.14 * speed**2 / (2.0 * rate) + 0.1 * lag
    assert np.abs(np.diff(speeds)).max() / _STEP < 1.2 * rate


@pytest.mark.parametrize("speed", [1.0, 2.5])
def test_a_stop_hardly_swings_back(speed: float, arm_config: ArmConfig) -> None:
    home = np.array(arm_config.home_positions)
    reference = ServoReference(arm_config.limits, home, lookahead_time=0.08)
    reference.follow(ramp(home, 3.0 * speed / 1.5, 3.0))
    joint = Follower(home[0], 0.08)
    speeds = []
    for cycle in range(int(1.5 / _STEP) + 60):
        if cycle == int(1.5 / _STEP):
            seen = (reference.positions.copy(), np.zeros(6))
            seen[0][0], seen[1][0] = joint.position, joint.speed
            reference.brake(*seen)
        reference.advance(_STEP, 1.0)
        joint.follow(reference.positions[0])
        speeds.append(joint.speed)
    assert reference.is_at_rest and abs(joint.speed) < 0.01
    assert joint.position == pytest.approx(reference.positions[0], abs=2e-3)
    assert min(speeds) > -0.04 * speed
    assert np.abs(np.diff(speeds)).max() / _STEP < arm_config.limits.stop_accelerations[0]


class Follower:
    """A joint that a position servo pulls, critically damped, behind a target."""

    def __init__(self, position: float, lookahead_time: float) -> None:
        self.position, self.speed = position, 0.0
        self._pull = 2.0 * _STEP / lookahead_time

    def follow(self, target: float) -> None:
        """Let a cycle pass."""
        way = (target - self.position) * self._pull**2 / _STEP
        self.speed = (self.speed + way) / (1.0 + self._pull) ** 2
        self.position += self.speed * _STEP


def test_a_start_that_is_off_is_joined_without_a_jump(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    goal = reference.positions[0] + 0.05 + 0.3
    reference.follow(ramp(reference.positions + 0.05, 0.3, 1.0))
    points = np.concatenate([[reference.positions[0]] * 2, run(reference, 130)])
    planned = 6.0 * 0.3  # [rad/s²]
    spare = 0.13 * arm_config.limits.accelerations[0]
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < planned + spare
    assert points[-1] == pytest.approx(goal)


def test_a_joint_that_is_held_is_let_go_without_a_jump(reference: ServoReference) -> None:
    held = reference.positions.copy()
    reference.follow(ramp(held, 0.9, 1.0))
    while reference.positions[0] < held[0] + 0.1:
        reference.advance(_STEP, 1.0)
    lead = reference.positions[0]
    reference.brake(held, np.zeros(6))
    points = np.concatenate([[lead], run(reference, 9)])
    assert reference.is_at_rest and points[-1] == held[0]
    assert -1.7 * _STEP < np.diff(points).min() < 0.0


def test_a_joint_that_presses_at_the_end_of_its_way_is_let_go_within_its_accelerations(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    held = reference.positions.copy()
    reference.follow(ramp(held, 0.1, 1.0))
    joint = Follower(held[0], 0.05)
    points = run(reference, 130)  # and the joint has stayed where it was
    assert reference.is_at_end
    reference.brake(held, np.zeros(6))
    joint.position, speeds = points[-1], [0.0]  # the controller's own target has followed
    for _ in range(60):
        reference.advance(_STEP, 1.0)
        joint.follow(reference.positions[0])
        speeds.append(joint.speed)
    assert reference.is_at_rest and joint.position == pytest.approx(held[0], abs=1e-3)
    assert np.abs(np.diff(speeds)).max() / _STEP < arm_config.limits.accelerations[0]


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
    reference.brake(upper - 0.001, np.full(6, 1.0))
    run(reference, 20)
    assert (reference.positions <= upper).all()


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_after_an_interruption_the_pace_rises_slowly(
    share: float, reference: ServoReference, arm_config: ArmConfig
) -> None:
    reference.follow(ramp(reference.positions, 1.2, 0.8))  # at most 2.25 rad/s
    before = run(reference, 50)
    assert before[-1] - before[-2] > 2.2 * _STEP
    reference.slow_to(share)
    after = np.concatenate([before[-1:], run(reference, 130)])
    speeds = np.diff(after) / _STEP
    assert speeds[0] == pytest.approx(share * 2.25, abs=0.05)
    assert np.diff(speeds).max() / _STEP < arm_config.limits.accelerations[0]
    assert reference.is_at_end
    assert after[-1] == pytest.approx(arm_config.home_positions[0] + 1.2)


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_a_slider_pushed_up_is_followed_slowly(
    fraction: float, reference: ServoReference, arm_config: ArmConfig
) -> None:
    reference.follow(ramp(reference.positions, 1.2, 0.8))
    run(reference, 50)
    low = run(reference, 20, fraction)
    speeds = np.diff(np.concatenate([low[-2:], run(reference, 150)])) / _STEP
    assert np.diff(speeds).max() / _STEP < arm_config.limits.accelerations[0]
    assert reference.is_at_end


@pytest.mark.parametrize("change", [-0.4, 0.0])
def test_a_joint_beyond_its_range_comes_back_without_a_jump(
    change: float, arm_config: ArmConfig
) -> None:
    home = np.array(arm_config.home_positions)
    home[0] = arm_config.limits.upper[0] + 0.03
    reference = ServoReference(arm_config.limits, home)
    held = run(reference, 10)
    assert (held == home[0]).all()
    reference.follow(ramp(home, change, 1.0))
    points = np.concatenate([held, run(reference, 130)])
    assert np.diff(points).max() <= 0.0
    rate = arm_config.limits.accelerations[0]
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < rate
    assert points[-1] == pytest.approx(home[0] + change)
    reference.brake(reference.positions, reference.velocities)
    reference.follow(ramp(reference.positions + 0.01, change, 1.0))  # farther out at first
    assert run(reference, 130).max() <= points[-1]


def test_a_motion_replaced_at_a_slow_pace_goes_on_at_that_pace(
    reference: ServoReference, arm_config: ArmConfig
) -> None:
    reference.follow(ramp(reference.positions, 0.9, 1.0))
    first = run(reference, 150, 0.4)
    reference.follow(ramp(reference.positions, -0.3, 1.0))
    points = np.concatenate([first[-3:], run(reference, 400, 0.4)])
    rate = arm_config.limits.stop_accelerations[0]
    assert np.abs(np.diff(points, 2)).max() / _STEP**2 < 0.5 * rate
    assert reference.is_at_end
