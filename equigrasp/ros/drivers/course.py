"""Where the joints of a trajectory that runs should be, and how far off its goal lets them be."""

import math
import threading
from dataclasses import dataclass

import numpy as np
from control_msgs.action import FollowJointTrajectory
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.arm import Arm
from equigrasp.devices.clock import Clock
from equigrasp.devices.joined_trajectory import join_trajectory
from equigrasp.devices.motion import JointTrajectory, MotionState, MotionStatus, StopReason
from equigrasp.errors import CommandRejectedError
from equigrasp.ros.messages.tracking import Tracking

_DEFAULT, _UNLIMITED = 0.0, -1.0  # what these values of a tolerance mean, by control_msgs
_GOAL_TIME = 0.5  # [s] by which a goal may be reached late where nothing is said
_NUM_TRIES = 3  # for a measurement and a set-point of the same moment
_ARRIVED = 1e-3  # [rad] of the set-point from the last point, and it has arrived


@dataclass(frozen=True, eq=False)
class Tolerances:
    """Of one goal, shape (n,) each; infinite where the arm's own judgement suffices.

    Args:
        path: Between where a joint should be and is, on the way [rad].
        path_velocity: Between how fast it should turn and turns [rad/s].
        goal: Between where it should end and is [rad].
        goal_velocity: How fast it may still turn [rad/s].
        goal_time: How late the goal may be reached [s, the robot's time]; NaN: as long as the arm itself
            takes, and 0.5 s to come within `goal`.
    """

    path: np.ndarray
    path_velocity: np.ndarray
    goal: np.ndarray
    goal_velocity: np.ndarray
    goal_time: float

    @classmethod
    def of_goal(
        cls, goal: FollowJointTrajectory.Goal, joint_names: tuple[str, ...]
    ) -> "Tolerances":
        """Return what a goal demands: 0 is the default, -1 no limit.

        Raises:
            CommandRejectedError: if a joint is unknown, or a tolerance is none or cannot be held.
        """
        limits = np.full((2, 2, len(joint_names)), np.inf)  # path and goal, position and velocity
        lists = ("path_tolerance", goal.path_tolerance), ("goal_tolerance", goal.goal_tolerance)
        for i, (what, tolerances) in enumerate(lists):
            for tolerance in tolerances:
                if tolerance.name not in joint_names:
                    raise CommandRejectedError(
                        f"{what} names joint '{tolerance.name}'; this arm has {list(joint_names)}."
                    )
                of = f"{what} of joint '{tolerance.name}'"
                joint = joint_names.index(tolerance.name)
                limits[i, 0, joint] = _limit(tolerance.position, of)
                limits[i, 1, joint] = _limit(tolerance.velocity, of)
                if math.isfinite(_limit(tolerance.acceleration, of)):
                    raise CommandRejectedError(
                        f"{of} limits the acceleration, which nobody measures; it must be 0 (the "
                        "default) or -1 (no limit)."
                    )
        late = goal.goal_time_tolerance
        seconds = late.sec + late.nanosec * 1e-9
        goal_time = math.nan if seconds == _DEFAULT else _limit(seconds, "goal_time_tolerance")
        (path, path_velocity), (end, end_velocity) = limits
        return cls(path, path_velocity, end, end_velocity, goal_time)

    @property
    def has_path(self) -> bool:
        """Whether the way is limited."""
        return bool(np.isfinite([self.path, self.path_velocity]).any())


class Course:
    """A trajectory that begins now; to be made in the arm's `moment`, just before it begins.

    Where the joints should be is the set-point, where the arm tells it, whose time is the arm's own; else
    it is by the clock.

    Args:
        arm: Follows it.
        trajectory: What it is told to follow.
        tolerances: How far off it may be.
        clock: The robot's.
    """

    def __init__(
        self, arm: Arm, trajectory: JointTrajectory, tolerances: Tolerances, clock: Clock
    ) -> None:
        self._arm, self._tolerances, self._clock = arm, tolerances, clock
        begin = arm.set_point()
        joined = join_trajectory(trajectory, arm.limits, begin.positions, begin.velocities)
        path = joined.trajectory
        self._spline = CubicHermiteSpline(path.times, path.positions, path.velocities)
        self._duration, self._end = path.duration, np.asarray(path.positions)[-1]
        self._tells_set_point = type(arm).set_point is not Arm.set_point
        self._lock = threading.Lock()
        self._elapsed, self._last = 0.0, clock.now()
        self._arrived: float | None = None  # when the set-point was at the end [s]

    def track(self) -> Tracking:
        """Return where the joints should be and are; to be asked all the time, from any thread."""
        elapsed = self._advance()
        state = self._arm.joint_state()
        if self._tells_set_point:
            point = self._arm.set_point()
            for _ in range(_NUM_TRIES):  # the arm moves on between the questions
                if point.stamp == state.stamp:
                    break
                state, point = self._arm.joint_state(), self._arm.set_point()
            desired = point.positions, point.velocities
        else:
            t = min(elapsed, self._duration)
            still = np.zeros_like(self._end)
            desired = self._spline(t), self._spline(t, 1) if t < self._duration else still
        has_arrived = np.abs(desired[0] - self._end).max() <= _ARRIVED
        if elapsed >= self._duration and has_arrived and self._arrived is None:
            self._arrived = self._clock.now()
        return Tracking(state.stamp, elapsed, desired, (state.positions, state.velocities))

    def violation(self, is_done: bool) -> MotionStatus | None:
        """Return how a goal fails by its tolerances; None: it does not so far.

        Args:
            is_done: Whether the arm itself has arrived, by its own judgement.
        """
        tolerances = self._tolerances
        tracking = self.track()
        if is_done and self._arrived is None:
            self._arrived = self._clock.now()
        if self._arrived is None:
            limits = (tolerances.path, tolerances.path_velocity)
            if excess := self._excess(tracking.error, limits):
                return MotionStatus(MotionState.FAULT, excess, StopReason.BLOCKED)
            return None
        patience = tolerances.goal_time
        if math.isnan(patience):
            patience = _GOAL_TIME if is_done else math.inf
        excess = self._goal_excess(tracking)
        if self._clock.now() - self._arrived <= patience or (is_done and not excess):
            return None
        message = (
            f"{excess or 'the arm had not arrived'}, {patience:.2f} s after the trajectory's end"
        )
        return MotionStatus(MotionState.FAULT, message, StopReason.MISSED)

    def is_at_goal(self) -> bool:
        """Tell whether the joints are where the goal's tolerances want them at the end."""
        return not self._goal_excess(self.track())

    def _goal_excess(self, tracking: Tracking) -> str:
        error = self._end - tracking.actual[0], -tracking.actual[1]
        return self._excess(error, (self._tolerances.goal, self._tolerances.goal_velocity))

    def _excess(
        self, error: tuple[np.ndarray, np.ndarray], limits: tuple[np.ndarray, np.ndarray]
    ) -> str:
        for off, limit, unit in zip(error, limits, ("rad", "rad/s"), strict=True):
            beyond = np.abs(off) - limit
            i = int(beyond.argmax())
            if beyond[i] > 0.0:
                return (
                    f"joint '{self._arm.joint_names[i]}' was {abs(off[i]):.4f} {unit} off; its "
                    f"tolerance is {limit[i]:.4f} {unit}"
                )
        return ""

    def _advance(self) -> float:
        with self._lock:
            now = self._clock.now()
            self._elapsed += max(0.0, now - self._last) * self._arm.speed_scaling()
            self._last = now
            return self._elapsed


def _limit(value: float, of: str) -> float:
    if value in (_DEFAULT, _UNLIMITED):
        return math.inf
    if not (math.isfinite(value) and value > 0.0):
        raise CommandRejectedError(
            f"{of} is {value}; it must be a positive number, 0 (the default) or -1 (no limit)."
        )
    return value
