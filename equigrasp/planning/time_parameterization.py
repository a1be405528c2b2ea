"""Give a joint path its fastest timing within speed and acceleration limits, by TOPP-RA."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import toppra
from toppra import algorithm, constraint

from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import PlanningError

logging.getLogger("toppra").setLevel(logging.WARNING)

_SAMPLE_TIME = 0.01  # [s] between trajectory points
_MARGIN = 0.97  # of the limits, left for the cubic interpolation between points
_MIN_GRID_POINTS = 40


@dataclass(frozen=True, eq=False)
class TcpLimit:
    """Bounds on the motion of the TCP along a path.

    Args:
        distances: Length that the TCP has travelled at each waypoint, shape (K,) [m].
        speed: Largest speed of the TCP [m/s].
        acceleration: Largest acceleration of the TCP along its path [m/s²].
    """

    distances: np.ndarray
    speed: float
    acceleration: float


def parameterize(
    path: np.ndarray, limits: JointLimits, speed_scale: float, tcp: TcpLimit | None = None
) -> JointTrajectory:
    """Time a path through waypoints, at rest at both ends.

    A limit on the TCP is one more coordinate of the path, the distance travelled, with limits of
    its own: so only those stretches are slowed down that need it.

    TOPP-RA: Pham and Pham, "A New Approach to Time-Optimal Path Parameterization Based on
    Reachability Analysis", T-RO 2018.

    Args:
        path: Waypoints, shape (K, n), K ≥ 2 [rad]; joined by a natural cubic spline, or by a
            line where there are two.
        limits: The arm's limits.
        speed_scale: Share of the speed and acceleration limits to use, in (0, 1].
        tcp: Bounds on the TCP, for straight lines.

    Raises:
        PlanningError: if no timing exists (a path with a corner or of no length).
    """
    path = np.asarray(path, dtype=float)
    count = path.shape[1]
    speed = _MARGIN * speed_scale * np.asarray(limits.velocities)
    acceleration = _MARGIN * speed_scale * np.asarray(limits.accelerations)
    if tcp is not None:
        path = np.column_stack([path, tcp.distances])
        speed = np.append(speed, _MARGIN * tcp.speed)
        acceleration = np.append(acceleration, _MARGIN * tcp.acceleration)
    path = _without_repeats(path)
    if len(path) < 2:
        still = np.repeat(path[:1, :count], 2, axis=0)
        return JointTrajectory(np.array([0.0, _SAMPLE_TIME]), still, np.zeros_like(still))
    timed = _time(path, speed, acceleration)
    num_points = max(2, int(np.ceil(timed.duration / _SAMPLE_TIME)) + 1)
    times = np.linspace(0.0, timed.duration, num_points)
    positions, velocities = timed(times)[:, :count], timed(times, 1)[:, :count]
    velocities[0] = velocities[-1] = 0.0
    return _stretched(
        JointTrajectory(times, positions, velocities),
        speed_scale * np.asarray(limits.velocities),
        speed_scale * np.asarray(limits.accelerations),
    )


def _stretched(
    trajectory: JointTrajectory, speed: np.ndarray, acceleration: np.ndarray
) -> JointTrajectory:
    """Slow a trajectory down until its cubic interpolation holds limits, shape (n,), everywhere.

    TOPP-RA holds them on its grid; where the acceleration switches, the cubic between two samples
    swings by up to a half beyond. Its acceleration is linear, so the ends of each piece tell all.
    """
    h = np.diff(trajectory.times)[:, None]
    before, after = trajectory.velocities[:-1], trajectory.velocities[1:]
    mean = np.diff(trajectory.positions, axis=0) / h
    at_start = (6.0 * mean - 4.0 * before - 2.0 * after) / h
    at_end = (2.0 * before + 4.0 * after - 6.0 * mean) / h
    fastest = max(
        float((np.abs(v) / speed).max())
        for v in (before, after, 1.5 * mean - 0.25 * (before + after))
    )
    hardest = max(float((np.abs(a) / acceleration).max()) for a in (at_start, at_end))
    factor = max(1.0, fastest, hardest**0.5)
    return JointTrajectory(
        trajectory.times * factor, trajectory.positions, trajectory.velocities / factor
    )


def _time(path: np.ndarray, speed: np.ndarray, acceleration: np.ndarray) -> Any:
    """Return toppra's time-parameterised path within `speed` and `acceleration`, shape (n,)."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    knots = np.concatenate([[0.0], np.cumsum(lengths)])
    if len(path) == 2:  # a spline needs a third point
        knots, path = np.linspace(0.0, knots[-1], 3), np.linspace(path[0], path[1], 3)
    spline = toppra.SplineInterpolator(knots, path, bc_type="natural")
    bounds = [
        constraint.JointVelocityConstraint(np.stack([-speed, speed], axis=1)),
        constraint.JointAccelerationConstraint(np.stack([-acceleration, acceleration], axis=1)),
    ]
    grid = np.linspace(0.0, knots[-1], max(_MIN_GRID_POINTS, 3 * len(path)))
    instance = algorithm.TOPPRA(bounds, spline, gridpoints=grid, solver_wrapper="seidel")
    timed = instance.compute_trajectory(0.0, 0.0)
    if timed is None:
        raise PlanningError("The path has no timing within the joint limits (a corner in it?).")
    return timed


def _without_repeats(path: np.ndarray) -> np.ndarray:
    keep = [0]
    for i in range(1, len(path)):
        if np.abs(path[i] - path[keep[-1]]).max() > 1e-6:
            keep.append(i)
    return path[keep]
