"""Timed paths hold the limits between their points, as a device interpolates them."""

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.cell import RobotCell
from equigrasp.planning.time_parameterization import TcpLimit, parameterize


@pytest.mark.parametrize("num_waypoints", [2, 3, 6])
@pytest.mark.parametrize("speed_scale", [0.3, 1.0])
def test_cubic_interpolation_holds_speed_and_acceleration_limits(
    cell: RobotCell, rng: np.random.Generator, num_waypoints: int, speed_scale: float
) -> None:
    limits = cell.arm.limits
    for _ in range(5):
        path = np.cumsum(rng.uniform(0.1, 0.6, (num_waypoints, 6)), axis=0)
        trajectory = parameterize(path, limits, speed_scale)
        assert np.diff(trajectory.times).max() <= 0.0201
        spline = CubicHermiteSpline(trajectory.times, trajectory.positions, trajectory.velocities)
        dense = np.linspace(0.0, trajectory.duration, 4000)
        speeds, step = np.gradient(spline(dense), dense, axis=0), dense[1]
        assert (np.abs(speeds) <= speed_scale * np.array(limits.velocities) * 1.001).all()
        changes = np.abs(np.diff(spline(dense, 1), axis=0)) / step
        # Cubic pieces between samples overshoot where the acceleration switches.
        assert (changes <= speed_scale * np.array(limits.accelerations) * 1.25).all()
        means = np.abs(np.diff(trajectory.velocities, axis=0)) / np.diff(trajectory.times)[:, None]
        assert (means <= speed_scale * np.array(limits.accelerations) * 1.001).all()
        limits.check_trajectory(trajectory, cell.arm.joint_names, path[0])


def test_a_path_is_timed_as_fast_as_a_limit_allows(cell: RobotCell) -> None:
    trajectory = parameterize(np.stack([np.zeros(6), np.full(6, 1.5)]), cell.arm.limits, 1.0)
    share = np.abs(trajectory.velocities).max(axis=0) / np.array(cell.arm.limits.velocities)
    assert share.max() > 0.9


def test_a_tcp_limit_is_held_where_joints_could_go_faster(cell: RobotCell) -> None:
    path = np.linspace(np.zeros(6), np.full(6, 0.4), 6)
    tcp = TcpLimit(np.linspace(0.0, 0.2, 6), 0.1, 1.0)
    trajectory = parameterize(path, cell.arm.limits, 1.0, tcp)
    distances = trajectory.positions[:, 0] / 0.4 * 0.2
    assert (np.diff(distances) / np.diff(trajectory.times)).max() <= 0.1005
    assert 2.0 < trajectory.duration < 2.3


def test_a_path_of_no_length_is_a_rest(cell: RobotCell) -> None:
    trajectory = parameterize(np.zeros((3, 6)), cell.arm.limits, 1.0)
    assert trajectory.duration < 0.1 and not trajectory.positions.any()
