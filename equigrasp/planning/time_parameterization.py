"""Give a joint path its fastest timing within speed and acceleration limits, by TOPP-RA."""

import logging

import numpy as np
import toppra
from toppra import algorithm, constraint

from equigrasp.devices.arm import JointTrajectory
from equigrasp.devices.limits import JointLimits
from equigrasp.errors import PlanningError

logging.getLogger("toppra").setLevel(logging.WARNING)

_SAMPLE_TIME = 0.02  # [s] between trajectory points
_MARGIN = 0.97  # of the limits: cubic interpolation between points overshoots a little
_MIN_GRID_POINTS = 40


def parameterize(path: np.ndarray, limits: JointLimits, speed_scale: float) -> JointTrajectory:
    """Time a path through waypoints, at rest at both ends.

    TOPP-RA: Pham and Pham, "A New Approach to Time-Optimal Path Parameterization Based on
    Reachability Analysis", T-RO 2018.

    Args:
        path: Waypoints, shape (K, n), K ≥ 2 [rad]; joined by a natural cubic spline, or by a
            line where there are two.
        limits: The arm's limits.
        speed_scale: Share of the speed and acceleration limits to use, in (0, 1].

    Raises:
        PlanningError: if no timing exists (a path with a corner or of no length).
    """
    path = _without_repeats(np.asarray(path, dtype=float))
    if len(path) < 2:
        still = np.repeat(path[:1], 2, axis=0)
        return JointTrajectory(np.array([0.0, _SAMPLE_TIME]), still, np.zeros_like(still))
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    knots = np.concatenate([[0.0], np.cumsum(lengths)])
    spline = toppra.SplineInterpolator(knots, path, bc_type="natural" if len(path) > 2 else "clamped")
    if len(path) == 2:
        spline = toppra.SplineInterpolator(
            np.linspace(0, knots[-1], 3), np.linspace(path[0], path[1], 3), bc_type="natural"
        )
    speed = _MARGIN * speed_scale * np.asarray(limits.velocities)
    acceleration = _MARGIN * speed_scale * np.asarray(limits.accelerations)
    bounds = [
        constraint.JointVelocityConstraint(np.stack([-speed, speed], axis=1)),
        constraint.JointAccelerationConstraint(np.stack([-acceleration, acceleration], axis=1)),
    ]
    grid = np.linspace(0.0, knots[-1], max(_MIN_GRID_POINTS, 3 * len(path)))
    instance = algorithm.TOPPRA(bounds, spline, gridpoints=grid, solver_wrapper="seidel")
    timed = instance.compute_trajectory(0.0, 0.0)
    if timed is None:
        raise PlanningError("The path has no timing within the joint limits (a corner in it?).")
    count = max(2, int(np.ceil(timed.duration / _SAMPLE_TIME)) + 1)
    times = np.linspace(0.0, timed.duration, count)
    positions, velocities = timed(times), timed(times, 1)
    velocities[0] = velocities[-1] = 0.0
    return JointTrajectory(times, positions, velocities)


def slow_down(trajectory: JointTrajectory, factor: float) -> JointTrajectory:
    """Stretch a trajectory in time by `factor` ≥ 1; the path stays the same."""
    return JointTrajectory(
        trajectory.times * factor, trajectory.positions, trajectory.velocities / factor
    )


def _without_repeats(path: np.ndarray) -> np.ndarray:
    keep = [0]
    for i in range(1, len(path)):
        if np.abs(path[i] - path[keep[-1]]).max() > 1e-6:
            keep.append(i)
    return path[keep]
