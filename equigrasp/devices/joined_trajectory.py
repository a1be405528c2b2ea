"""A trajectory as an arm follows it: from where its set-point is, without a jump, to rest.

Devices follow what `join_trajectory` returns and nothing else, and `planning.trajectory_check` judges the
same: so what is judged is what happens.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointTrajectory

_SHORTEST = 0.2  # [s] of a join: the noise of an encoder, made good in less, would be a jerk
_LONGEST_GENTLE = 0.4  # [s] of a join in motion; one that would take longer brakes as a stop does
_SPARE = 0.12  # of the acceleration limits: what our plans leave for joining a start that is off
_LEAST_SPARE = 0.005  # where a plan leaves nothing: within what is allowed for rounding
_SHORTEST_END = 0.05  # [s]
_SAME_TIME = 1e-6  # [s] apart, and two points of a spline count as one


@dataclass(frozen=True, eq=False)
class JoinedTrajectory:
    """What an arm does with a trajectory.

    Args:
        trajectory: From time 0, at the set-point, to rest; to be joined by cubic splines.
        hasty_time: Until when the joints may need more than their accelerations, at most those of a stop,
            because the set-point moved otherwise before [s].
    """

    trajectory: JointTrajectory
    hasty_time: float


def join_trajectory(
    trajectory: JointTrajectory, limits: JointLimits, positions: np.ndarray, velocities: np.ndarray
) -> JoinedTrajectory:
    """Join a well-formed trajectory to a set-point, and to rest.

    A first point that comes later than 0 is reached by a cubic from the set-point. From a first point at
    time 0 the set-point may be off: that is made good while the trajectory is followed, by a cubic that
    ends at rest, slowly enough for the acceleration limits, in motion for those of a stop. A last point
    with a velocity is overshot, and come back to, within the acceleration limits.

    Args:
        trajectory: What is to be followed.
        limits: Accelerations, of stops too.
        positions: Of the set-point, shape (n,) [rad].
        velocities: Of the set-point, shape (n,) [rad/s].
    """
    times = np.asarray(trajectory.times, dtype=float)
    points = np.asarray(trajectory.positions, dtype=float)
    rates = np.asarray(trajectory.velocities, dtype=float)
    if times[0] > 0.0:
        times = np.concatenate([[0.0], times])
        points, rates = np.vstack([positions, points]), np.vstack([velocities, rates])
    if np.any(rates[-1]) or times.size == 1:
        braking = 4.0 * np.abs(rates[-1]) / np.asarray(limits.accelerations)
        times = np.append(times, times[-1] + max(_SHORTEST_END, float(braking.max())))
        points = np.vstack([points, points[-1]])
        rates = np.vstack([rates, np.zeros_like(rates[-1])])
    offset, difference = positions - points[0], velocities - rates[0]
    if not (np.any(offset) or np.any(difference)):
        return JoinedTrajectory(JointTrajectory(times, points, rates), 0.0)
    peaks = np.abs(np.vstack(piece_accelerations(times, points, rates))).max(axis=0)
    duration = _join_duration(limits, peaks, offset, difference)
    joined, duration = _with_join(times, points, rates, offset, difference, duration)
    joined.positions[0], joined.velocities[0] = positions, velocities  # to the last bit
    joined.positions[-1], joined.velocities[-1] = points[-1], 0.0
    return JoinedTrajectory(joined, duration if np.any(difference) else 0.0)


def piece_accelerations(
    times: np.ndarray, positions: np.ndarray, velocities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return accelerations at start and end of each cubic between points (T,), each (T - 1, n) [rad/s²].

    A cubic's acceleration is linear: its ends tell all.
    """
    h = np.diff(times)[:, None]
    before, after = velocities[:-1], velocities[1:]
    mean = np.diff(positions, axis=0) / h
    return (6.0 * mean - 4.0 * before - 2.0 * after) / h, (
        2.0 * before + 4.0 * after - 6.0 * mean
    ) / h


def _join_duration(
    limits: JointLimits, peaks: np.ndarray, offset: np.ndarray, difference: np.ndarray
) -> float:
    """Return the time in which offset [rad] and difference [rad/s] of the set-point are made good [s]."""
    accelerations = np.asarray(limits.accelerations)
    stops = np.asarray(limits.stop_accelerations)
    gentle = np.clip(accelerations - peaks, _LEAST_SPARE * accelerations, _SPARE * accelerations)
    hasty = np.maximum(stops - peaks, _LEAST_SPARE * stops)
    is_moving = bool(np.any(difference))
    duration = _SHORTEST
    while True:
        begin = np.abs(6.0 * offset / duration**2 + 4.0 * difference / duration)
        needed = np.maximum(
            begin, np.abs(6.0 * offset / duration**2 + 2.0 * difference / duration)
        )
        if (needed <= gentle).all():
            return duration
        if is_moving and duration >= _LONGEST_GENTLE and (needed <= hasty).all():
            return duration
        duration *= 1.2


def _with_join(
    times: np.ndarray,
    positions: np.ndarray,
    velocities: np.ndarray,
    offset: np.ndarray,
    difference: np.ndarray,
    duration: float,
) -> tuple[JointTrajectory, float]:
    """Add a cubic of `duration` [s] that takes offset and difference to 0; the sum is cubic in pieces too."""
    nearest = times[int(np.abs(times - duration).argmin())]
    if abs(nearest - duration) < _SAME_TIME:
        duration = float(nearest)
    knots = np.union1d(times, [duration])
    inside = np.minimum(knots, times[-1])  # the last point is at rest
    spline = CubicHermiteSpline(times, positions, velocities)
    still = np.zeros_like(offset)
    join = CubicHermiteSpline([0.0, duration], [offset, still], [difference, still])
    early = np.minimum(knots, duration)
    joined = JointTrajectory(
        knots, spline(inside) + join(early), spline(inside, 1) + join(early, 1)
    )
    return joined, duration
