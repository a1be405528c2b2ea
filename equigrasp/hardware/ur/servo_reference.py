"""Set-points for a position servo: along a trajectory at the robot's own pace, or down to rest."""

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.bridge import SHORTEST, make_bridge
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointTrajectory

_STOP_SHARE = 0.88  # of the accelerations allowed: the joints answer with a little more
_RELEASE_SPEED = 1.6  # [rad/s] at which a set-point gives its lead over the joints up, at most
_COUNTER_SHARE = 0.5  # of the lead with which a modelled servo brakes; all of it, and others creep
_COUNTER_TIME = 0.016  # [s] in which that lead is taken
_RESUMPTION = 1.0  # [s] in which a trajectory comes from rest to its whole pace


class ServoReference:
    """Where n joints should be now.

    A trajectory that begins a little off the present set-point is joined to it within the acceleration
    that plans leave unused; one that begins at another speed, within the stop accelerations: set-points
    never jump.

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
        self._bridge: CubicHermiteSpline | None = None
        self._time = self._bridge_time = 0.0
        self._pace = 1.0  # share of its speed at which the trajectory is followed, slider included
        self._lead = np.zeros(len(positions))  # of the set-point over the joints, as a stop begins
        self._stop_time = self._stop_duration = 0.0
        self._is_standing = False  # whether the set-point stood still as the stop began
        self._slowing = np.array(positions, dtype=float)
        self._rates = np.zeros(len(positions))
        self.positions = np.array(positions, dtype=float)
        self.velocities = np.zeros_like(self.positions)

    @property
    def is_at_end(self) -> bool:
        """Whether the trajectory's last point is the set-point."""
        return (
            self._spline is not None and self._bridge is None and self._time >= self._spline.x[-1]
        )

    @property
    def is_at_rest(self) -> bool:
        """Whether no trajectory is followed and the set-point stands still."""
        return self._spline is None and not (np.any(self.velocities) or np.any(self._lead))

    def follow(self, trajectory: JointTrajectory) -> None:
        """Begin a trajectory that the limits have passed."""
        times = np.asarray(trajectory.times, dtype=float)
        positions = np.asarray(trajectory.positions, dtype=float)
        velocities = np.asarray(trajectory.velocities, dtype=float)
        if times[0] > 0.0:  # the first point is reached from where the arm is
            times = np.concatenate([[0.0], times])
            positions = np.vstack([self.positions, positions])
            velocities = np.vstack([self.velocities, velocities])
        if times.size == 1:
            times = np.array([0.0, SHORTEST])
            positions = np.repeat(positions, 2, axis=0)
            velocities = np.repeat(velocities, 2, axis=0)
        self._spline = CubicHermiteSpline(times, positions, velocities)
        self._bridge = make_bridge(
            self.positions - positions[0], self.velocities - velocities[0], self._limits
        )
        self._time = self._bridge_time = 0.0
        self._pace = 1.0

    def slow_to(self, share: float) -> None:
        """Take note that the joints have slowed down to a share of their speed for want of set-points.

        The trajectory goes on at that pace, and comes back to its own: at once, they would have to jump.
        """
        self._pace *= share

    def hold(self) -> None:
        """Leave a trajectory that has ended: the set-point stays."""
        self._spline = self._bridge = None
        self._lead, self.velocities = np.zeros_like(self._lead), np.zeros_like(self._lead)

    def brake(self, positions: np.ndarray, velocities: np.ndarray) -> None:
        """Leave the trajectory: the joints decelerate from where they are, within the stop accelerations
        and all in the same time, so that they keep to their way.

        A servo moves because its set-point leads. A set-point that braked itself would stop the joints
        only when they have caught up with it; here its lead is taken back while they slow down, and a little
        more, which brakes them: without it they overshoot and swing back. Where the set-point stands still
        already, because something holds the joints up, its lead is taken back within the accelerations:
        nothing is in a hurry, and the joints would spring back.

        Args:
            positions: Measured, shape (n,) [rad].
            velocities: Measured, shape (n,) [rad/s].
        """
        self._spline = self._bridge = None
        self._lead = self.positions - positions
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
        before = self.positions
        if self._spline is not None:
            self._follow(self._spline, step, speed_fraction)
        elif np.any(self._lead) or np.any(self.velocities):
            self._slow_down(step)
        # Beyond its range a joint may come back; clipped to the range itself it would jump there.
        lower = np.minimum(self._limits.lower, before)
        upper = np.maximum(self._limits.upper, before)
        self.positions = np.clip(self.positions, lower, upper)

    def _follow(self, spline: CubicHermiteSpline, step: float, speed_fraction: float) -> None:
        end = float(spline.x[-1])
        self._pace = min(speed_fraction, self._pace + step / _RESUMPTION)
        self._time = min(self._time + step * self._pace, end)
        self.positions = spline(self._time)
        self.velocities = spline(self._time, 1) * (self._pace if self._time < end else 0.0)
        if self._bridge is None:
            return
        self._bridge_time += step
        if self._bridge_time >= self._bridge.x[-1]:
            self._bridge = None
            return
        self.positions = self.positions + self._bridge(self._bridge_time)
        self.velocities = self.velocities + self._bridge(self._bridge_time, 1)

    def _slow_down(self, step: float) -> None:
        self._stop_time += step
        left = max(0.0, 1.0 - self._stop_time / max(self._stop_duration, SHORTEST))
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
