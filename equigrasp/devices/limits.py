"""Limits on motion, and the checks that every command passes."""

import math
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import CommandRejectedError, ConfigError

_SLACK = 1e-4  # [rad] beyond a joint's range: rounding of messages
_RETURN = 1e-3  # [rad] by which a joint that stands outside must end nearer


@dataclass(frozen=True)
class JointLimits:
    """Limits of n joints; tuples of length n.

    Args:
        lower: Smallest joint positions [rad].
        upper: Largest joint positions [rad].
        velocities: Largest joint speeds [rad/s].
        accelerations: Largest joint accelerations of planned motion [rad/s²].
        stop_accelerations: Deceleration of a stop [rad/s²].
        efforts: Largest joint torques [N·m].
        start_tolerance: How far a trajectory may start from the arm's position [rad].
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocities: tuple[float, ...]
    accelerations: tuple[float, ...]
    stop_accelerations: tuple[float, ...]
    efforts: tuple[float, ...]
    start_tolerance: float = 0.05

    def __post_init__(self) -> None:
        count = len(self.lower)
        for key in ("upper", "velocities", "accelerations", "stop_accelerations", "efforts"):
            if len(getattr(self, key)) != count:
                raise ConfigError(f"JointLimits {key} needs {count} values, as lower has.")
        for key in ("velocities", "accelerations", "stop_accelerations", "efforts"):
            if not all(math.isfinite(v) and v > 0 for v in getattr(self, key)):
                raise ConfigError(f"JointLimits {key} must be positive: {getattr(self, key)}.")
        if not all(math.isfinite(v) for v in (*self.lower, *self.upper, self.start_tolerance)):
            raise ConfigError("JointLimits lower, upper and start_tolerance must be finite.")
        if not all(lo < up for lo, up in zip(self.lower, self.upper, strict=True)):
            raise ConfigError("JointLimits lower must be below upper for every joint.")

    def check_positions(
        self,
        positions: np.ndarray,
        joint_names: tuple[str, ...],
        present: np.ndarray | None = None,
    ) -> None:
        """Raise `CommandRejectedError` unless positions are finite and inside.

        A joint that stands outside may come back, but not go farther out, and must end nearer.

        Args:
            positions: Along a path, shape (T, n) or (n,) [rad].
            joint_names: Names for the message, n.
            present: Where the arm is, shape (n,) [rad]; None: inside.
        """
        values = np.atleast_2d(positions)
        if values.shape[-1] != len(self.lower):
            raise CommandRejectedError(
                f"Expected {len(self.lower)} joint positions, found {values.shape[-1]}."
            )
        if not np.isfinite(values).all():
            raise CommandRejectedError("Joint positions must be finite numbers.")
        lower, upper = np.asarray(self.lower), np.asarray(self.upper)
        beyond = np.maximum(lower - values, values - upper)  # (T, n)
        now = np.full(len(lower), -np.inf)
        if present is not None:
            now = np.maximum(lower - present, present - upper)
        allowed = np.maximum(now, _SLACK)
        excess = beyond - allowed
        excess[-1] = beyond[-1] - np.maximum(now - _RETURN, _SLACK)
        row, i = (int(k) for k in np.unravel_index(int(excess.argmax()), excess.shape))
        if excess[row, i] > 0.0:
            where = f" and it stands at {present[i]:.3f} rad" if now[i] > _SLACK else ""  # type: ignore[index]
            raise CommandRejectedError(
                f"Joint '{joint_names[i]}' would go to {values[row, i]:.3f} rad; its range is "
                f"[{self.lower[i]:.3f}, {self.upper[i]:.3f}] rad{where}."
            )

    def check_trajectory(
        self,
        trajectory: JointTrajectory,
        joint_names: tuple[str, ...],
        present_positions: np.ndarray,
    ) -> None:
        """Raise `CommandRejectedError` unless a trajectory is well-formed and within all limits.

        Speeds are checked at the points and as mean speed between them.

        Args:
            trajectory: What is to be followed.
            joint_names: Names for the message, n.
            present_positions: Where the arm is, shape (n,) [rad].
        """
        times = np.asarray(trajectory.times, dtype=float)
        positions = np.asarray(trajectory.positions, dtype=float)
        velocities = np.asarray(trajectory.velocities, dtype=float)
        if times.ndim != 1 or times.size == 0:
            raise CommandRejectedError("The trajectory has no points.")
        if (
            positions.shape != (times.size, len(joint_names))
            or velocities.shape != positions.shape
        ):
            raise CommandRejectedError(
                f"Trajectory of {times.size} points needs positions and velocities of shape "
                f"({times.size}, {len(joint_names)}), found {positions.shape}, {velocities.shape}."
            )
        if not (np.isfinite(times).all() and np.isfinite(velocities).all()):
            raise CommandRejectedError("Trajectory times and velocities must be finite numbers.")
        if times[0] < 0 or (np.diff(times) <= 0).any():
            raise CommandRejectedError("Trajectory times must start at 0 or later and increase.")
        self.check_positions(positions, joint_names, np.asarray(present_positions, dtype=float))
        self._check_speeds(times, positions, velocities, joint_names)
        offset = np.abs(positions[0] - present_positions)
        if times[0] == 0.0 and offset.max() > self.start_tolerance:
            i = int(offset.argmax())
            raise CommandRejectedError(
                f"The trajectory starts {offset[i]:.3f} rad from joint '{joint_names[i]}'; "
                f"at most {self.start_tolerance} rad are allowed."
            )

    def _check_speeds(
        self,
        times: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray,
        joint_names: tuple[str, ...],
    ) -> None:
        speeds = np.abs(velocities)
        if times.size > 1:
            means = np.abs(np.diff(positions, axis=0)) / np.diff(times)[:, None]
            speeds = np.vstack([speeds, means])
        excess = speeds.max(axis=0) / np.asarray(self.velocities)
        if excess.max() > 1.01:  # 1 %: rounding of float32 messages and spline sampling
            i = int(excess.argmax())
            raise CommandRejectedError(
                f"Joint '{joint_names[i]}' would turn at {speeds.max(axis=0)[i]:.2f} rad/s; "
                f"its limit is {self.velocities[i]:.2f} rad/s."
            )
