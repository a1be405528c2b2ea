"""Set-points for a position servo: along a trajectory at the robot's own pace, or down to rest."""

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.joined_trajectory import join_trajectory
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointTrajectory

_SHORTEST = 0.01  # [s] of a stop
_STOP_SHARE = 0.88  # of the accelerations allowed: the joints answer with a little more
_RELEASE_SPEED = 1.6  # [rad/s] at which a set-point gives its lead over the joints up, at most
_COUNTER_SHARE = 0.5  # of the lead with which a modelled servo brakes; all of it, and others creep
_COUNTER_TIME = 0.016  # [s] in which that lead is taken
_RESUMPTION = 1.0  # [s] in which a trajectory comes from rest to its whole pace
_STANDSTILL = 1e-3  # pace below which time stands still


class ServoReference:
    """Where n joints should be now.

    A trajectory is followed as `join_trajectory` joins it to the present set-point, which never jumps. Its
    joints keep to their ranges; one that stands outside comes back, and never goes farther out.

    Args:
        limits: Accelerations, of stops too, and ranges.
        positions: Where the joints are, at rest, shape (n,) [rad].
        lookahead_time: Of the servo, taken as a critically damped one [s]; 0: joints follow at once.

    Attributes:
        positions: The set-point, shape (n,) [rad].
        velocities: How fast it moves, shape (n,) [rad/s].
    """

    def __init__(
        self, limits: JointLimits, positions: np.ndarray, lookahead_time: float = 0.0
    ) -> None:
        self._limits = limits
        self._counter = _COUNTER_SHARE * (lookahead_time / 2.0) ** 2  # [s²] by acceleration
        self._brake = np.asarray(limits.stop_accelerations)
        self._accelerations = np.asarray(limits.accelerations)
        self._spline: CubicHermiteSpline | None = None
        self._time = 0.0
        self._pace = 1.0  # share of its speed at which the trajectory is followed, slider included
        self._lead = np.zeros(len(positions))  # of the set-point over the joints, as a stop begins
        self._stop_time = self._stop_duration = 0.0
        self._is_standing = False  # whether the set-point stood still as the stop began
        self._slowing = np.array(positions, dtype=float)
        self._rates = np.zeros(len(positions))
        self.positions = np.array(positions, dtype=float)
        self.velocities = np.zeros_like(self.positions)
        self._lower = self._upper = self.positions
        self._limit_to(self.positions)

    @property
    def is_at_end(self) -> bool:
        """Whether the trajectory's last point is the set-point."""
        return self._spline is not None and self._time >= self._spline.x[-1]

    @property
    def is_at_rest(self) -> bool:
        """Whether no trajectory is followed and the set-point stands still."""
        return self._spline is None and not (np.any(self.velocities) or np.any(self._lead))

    @property
    def departure(self) -> np.ndarray:
        """How fast the set-point moves by its trajectory's own time, shape (n,) [rad/s].

        With these velocities the next trajectory is joined to it: what slows this one down, slows that too.
        """
        if self._spline is None:
            return self.velocities
        if self._pace < _STANDSTILL or self.is_at_end:
            return np.zeros_like(self.velocities)
        return np.asarray(self._spline(self._time, 1))

    def follow(self, trajectory: JointTrajectory) -> None:
        """Begin a trajectory that the limits have passed."""
        departure = self.departure
        if self._spline is None or not np.any(departure):
            self._pace = 1.0
        joined = join_trajectory(trajectory, self._limits, self.positions, departure).trajectory
        self._spline = CubicHermiteSpline(joined.times, joined.positions, joined.velocities)
        self._time = 0.0
        self._limit_to(self.positions)

    def slow_to(self, share: float) -> None:
        """Take note that the joints have slowed down to a share of their speed for want of set-points.

        The trajectory goes on at that pace, and comes back to its own: at once, they would have to jump.
        """
        self._pace *= share

    def hold(self) -> None:
        """Leave a trajectory that has ended: the set-point stays."""
        self._spline = None
        self._lead, self.velocities = np.zeros_like(self._lead), np.zeros_like(self._lead)

    def brake(self, positions: np.ndarray, velocities: np.ndarray) -> None:
        """Leave the trajectory: the joints decelerate from where they are.

        They do so within the stop accelerations and all in the same time, and so keep to their way.
        A servo moves because its set-point leads. A set-point that braked itself would stop the joints
        only when they have caught up with it; here its lead is taken back while they slow down, and a little
        more, which brakes them: without it they overshoot and swing back. Where the set-point stands still
        already, because something holds the joints up, its lead is taken back within the accelerations:
        nothing is in a hurry, and the joints would spring back.

        Args:
            positions: Measured, shape (n,) [rad].
            velocities: Measured, shape (n,) [rad/s].
        """
        self._spline = None
        self._lead = self.positions - positions
        self._limit_to(self.positions, positions)
        self._stop_time = 0.0
        slowing = np.abs(velocities) / (_STOP_SHARE * self._brake)
        self._is_standing = not np.any(self.velocities)
        if self._is_standing:  # a cubic from rest to rest
            releasing = np.sqrt(6.0 * np.abs(self._lead) / (_STOP_SHARE * self._accelerations))
        else:
            releasing = np.abs(self._lead) / _RELEASE_SPEED
        self._stop_duration = float(np.maximum(slowing, releasing).max())
        self._slowing = np.array(positions, dtype=float)
        self._rates = self.velocities = np.array(velocities, dtype=float)

    def advance(self, step: float, speed_fraction: float) -> None:
        """Let `step` [s] pass, of which the trajectory sees the share `speed_fraction`.

        A fraction that rises is followed within `_RESUMPTION`: a slider that is pushed up, or a pause that
        ends, would have the joints jump.
        """
        if self._spline is not None:
            self._follow(self._spline, step, speed_fraction)
        elif np.any(self._lead) or np.any(self.velocities):
            self._slow_down(step)
        self.positions = np.clip(self.positions, self._lower, self._upper)

    def _follow(self, spline: CubicHermiteSpline, step: float, speed_fraction: float) -> None:
        end = float(spline.x[-1])
        self._pace = min(speed_fraction, self._pace + step / _RESUMPTION)
        self._time = min(self._time + step * self._pace, end)
        self.positions = spline(self._time)
        self.velocities = spline(self._time, 1) * (self._pace if self._time < end else 0.0)

    def _slow_down(self, step: float) -> None:
        self._stop_time += step
        left = max(0.0, 1.0 - self._stop_time / max(self._stop_duration, _SHORTEST))
        slower = self._rates * left
        self._slowing = self._slowing + 0.5 * (self.velocities + slower) * step
        self.velocities = slower
        if left == 0.0:
            self._lead = np.zeros_like(self._lead)
        if self._is_standing:
            self.positions = self._slowing + left**2 * (3.0 - 2.0 * left) * self._lead
            return
        self.positions = self._slowing + left * self._lead
        if left > 0.0:
            braking = min(1.0, self._stop_time / _COUNTER_TIME) * self._rates / self._stop_duration
            self.positions = self.positions - self._counter * braking

    def _limit_to(self, *places: np.ndarray) -> None:
        """Let no set-point leave the joints' ranges, or go farther out than one of `places`, (n,) [rad]."""
        self._lower = np.vstack([self._limits.lower, *places]).min(axis=0)
        self._upper = np.vstack([self._limits.upper, *places]).max(axis=0)
