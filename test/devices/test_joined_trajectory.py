"""A joined trajectory begins at the set-point, never jumps, and ends at rest where it should."""

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.joined_trajectory import (
    JoinedTrajectory,
    join_trajectory,
    piece_accelerations,
)
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointTrajectory

HERE, STILL = np.linspace(-1.0, 1.0, 6), np.zeros(6)


@pytest.fixture
def limits(arm_config: ArmConfig) -> JointLimits:
    return arm_config.limits


def ramp(change: float, duration: float, first: float = 0.0) -> JointTrajectory:
    """From rest to rest, all joints, from HERE."""
    return JointTrajectory(
        np.array([first, first + duration]), np.stack([HERE, HERE + change]), np.zeros((2, 6))
    )


def hardest(joined: JoinedTrajectory) -> np.ndarray:
    t = joined.trajectory
    return np.abs(np.vstack(piece_accelerations(t.times, t.positions, t.velocities))).max(axis=0)


def test_what_fits_is_left_as_it_is(limits: JointLimits) -> None:
    trajectory = ramp(0.4, 1.0)
    joined = join_trajectory(trajectory, limits, HERE, STILL)
    for key in ("times", "positions", "velocities"):
        assert (getattr(joined.trajectory, key) == getattr(trajectory, key)).all()
    assert joined.hasty_time == 0.0


def test_a_later_first_point_is_reached_from_the_set_point(limits: JointLimits) -> None:
    joined = join_trajectory(ramp(0.4, 1.0, first=0.5), limits, HERE + 0.1, STILL + 0.2)
    assert joined.trajectory.times.tolist() == [0.0, 0.5, 1.5]
    assert (joined.trajectory.positions[0] == HERE + 0.1).all()
    assert (joined.trajectory.velocities[0] == 0.2).all()


@pytest.mark.parametrize("offset", [1e-5, 1e-3, 0.01, 0.05, -0.05])
def test_a_start_that_is_off_is_made_good_gently(offset: float, limits: JointLimits) -> None:
    joined = join_trajectory(ramp(0.4, 1.0), limits, HERE + offset, STILL)
    assert (joined.trajectory.positions[0] == HERE + offset).all()
    assert joined.trajectory.positions[-1] == pytest.approx(HERE + 0.4)
    assert (hardest(joined) <= np.asarray(limits.accelerations)).all()
    assert joined.hasty_time == 0.0


def test_a_plan_that_leaves_nothing_is_joined_within_its_limits(limits: JointLimits) -> None:
    hard = ramp(0.4, float(np.sqrt(6.0 * 0.4 / 8.0)))  # the limit of the first joints, exactly
    joined = join_trajectory(hard, limits, HERE + 0.01, STILL)
    assert (hardest(joined) <= 1.006 * np.asarray(limits.accelerations)).all()


@pytest.mark.parametrize("speed", [0.05, 0.4, -2.0])
def test_a_motion_is_left_within_the_stop_accelerations(speed: float, limits: JointLimits) -> None:
    joined = join_trajectory(ramp(0.4, 1.0), limits, HERE + 0.02, STILL + speed)
    assert (joined.trajectory.velocities[0] == speed).all()
    assert (hardest(joined) <= np.asarray(limits.stop_accelerations)).all()
    t = joined.trajectory
    is_late = t.times[:-1] >= joined.hasty_time
    late = piece_accelerations(t.times, t.positions, t.velocities)
    assert (np.abs(np.vstack([a[is_late] for a in late])) <= 8.0).all()


def test_the_sum_is_the_trajectory_once_it_is_joined(limits: JointLimits) -> None:
    trajectory = ramp(0.4, 1.0)
    joined = join_trajectory(trajectory, limits, HERE + 0.002, STILL).trajectory
    late = np.linspace(0.4, 1.0, 7)
    np.testing.assert_allclose(
        CubicHermiteSpline(joined.times, joined.positions, joined.velocities)(late),
        CubicHermiteSpline(trajectory.times, trajectory.positions, trajectory.velocities)(late),
        atol=1e-12,
    )


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("first", [0.0, 0.3])
@pytest.mark.parametrize("speed", [0.0, 0.3])
def test_every_form_ends_at_rest_at_its_last_point(
    count: int, first: float, speed: float, limits: JointLimits
) -> None:
    times = first + np.arange(count) * 0.7
    positions = HERE + np.outer(np.arange(count) * 0.2, np.ones(6))
    velocities = np.zeros((count, 6))
    velocities[-1] = speed
    joined = join_trajectory(
        JointTrajectory(times, positions, velocities), limits, HERE + 3e-4, STILL
    ).trajectory
    assert joined.times[0] == 0.0 and (np.diff(joined.times) > 0.0).all()
    assert joined.times.size >= 2
    assert joined.positions[-1] == pytest.approx(positions[-1])
    assert (joined.velocities[-1] == 0.0).all()


def test_a_join_that_ends_at_a_point_adds_none(limits: JointLimits) -> None:
    trajectory = JointTrajectory(
        np.array([0.0, 0.2 + 1e-9, 1.0]), np.tile(HERE, (3, 1)), np.zeros((3, 6))
    )
    joined = join_trajectory(trajectory, limits, HERE + 1e-4, STILL).trajectory
    assert joined.times.tolist() == trajectory.times.tolist()
