"""What a UR controller's motion commands make of an arm, one control cycle at a time."""

from dataclasses import dataclass

import numpy as np

from equigrasp.devices.arm import Arm
from equigrasp.devices.clock import Clock
from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import CommandRejectedError

_MAX_ACCELERATION = 40.0  # [rad/s²] what ur_rtde allows its commands to ask for
_REST_SPEED = 1e-6  # [rad/s]


@dataclass(frozen=True, eq=False)
class Rest:
    """Decelerate to rest at a rate [rad/s²]."""

    deceleration: float


@dataclass(frozen=True, eq=False)
class Servo:
    """Follow a target [rad] that moves; the lag is the look-ahead time [s]."""

    target: np.ndarray
    lookahead_time: float


@dataclass(frozen=True, eq=False)
class Speed:
    """Turn at speeds [rad/s], reached at an acceleration [rad/s²]."""

    velocities: np.ndarray
    acceleration: float


@dataclass(frozen=True, eq=False)
class Move:
    """Go straight to a target [rad]; speed and acceleration of the leading axis."""

    target: np.ndarray
    speed: float
    acceleration: float


class UrMotion:
    """Turns the command of the moment into short trajectories of an `Arm`.

    Each cycle gives the arm one cycle of motion and a way to brake after it, so that an arm whose
    controller dies comes to rest. The real controller's servo loop is not published: here the
    target is followed with a lag of the look-ahead time, and the gain has no effect.

    Args:
        arm: The arm to move, connected.
        clock: The arm's own clock; advanced by `advance`.
        cycle: Duration of a control cycle [s]; the arm's own steps need not divide it.
    """

    def __init__(self, arm: Arm, clock: Clock, cycle: float) -> None:
        self._arm = arm
        self._clock = clock
        self._cycle = cycle
        self._brake = np.asarray(arm.limits.stop_accelerations)
        self._command: Rest | Servo | Speed | Move = Rest(float(self._brake.min()))
        self.target_positions = arm.joint_state().positions
        self.target_velocities = np.zeros_like(self.target_positions)

    @property
    def is_at_rest(self) -> bool:
        """Whether the commanded speed is zero."""
        return bool(np.abs(self.target_velocities).max() < _REST_SPEED)

    @property
    def has_arrived(self) -> bool:
        """Whether the last `Move` or `Rest` has come to its end."""
        if isinstance(self._command, Move):
            return self.is_at_rest and bool(
                np.abs(self._command.target - self.target_positions).max() < 1e-6
            )
        return self.is_at_rest

    def command(self, command: Rest | Servo | Speed | Move) -> None:
        """Replace what the arm does."""
        self._command = command

    def advance(self, until: float, speed_fraction: float) -> None:
        """Let the arm's time pass until the end of a cycle and tell it how to go on.

        Args:
            until: End of the cycle by the arm's clock [s].
            speed_fraction: Share of the programmed speed, 0 to 1.

        Raises:
            CommandRejectedError: if the arm cannot follow: it lies too far behind its reference.
        """
        while self._clock.now() < until:
            self._clock.pause()
        was_at_rest = self.is_at_rest
        velocities = self._next_velocities(self._cycle, max(speed_fraction, 1e-6))
        self.target_positions = self.target_positions + velocities * self._cycle
        self.target_velocities = velocities
        if not (was_at_rest and self.is_at_rest):
            self._send(self._clock.now() - until)

    def give_way(self) -> None:
        """Hold the arm where it is now: used when something blocks it."""
        self.target_positions = self._arm.joint_state().positions
        self.target_velocities = np.zeros_like(self.target_positions)
        self._command = Rest(float(self._brake.min()))
        self._arm.stop()

    def _next_velocities(self, step: float, fraction: float) -> np.ndarray:
        command, present = self._command, self.target_velocities
        if isinstance(command, Servo):
            # Critically damped, a step of the implicit Euler method: stable for any step.
            pull = 2.0 * step * fraction / max(command.lookahead_time, step)
            error = command.target - self.target_positions
            wanted = (present + error * pull**2 / step) / (1.0 + pull) ** 2
            rate = _MAX_ACCELERATION
        elif isinstance(command, Speed):
            wanted, rate = command.velocities * fraction, command.acceleration
        elif isinstance(command, Move):
            return self._next_of_move(command, step, fraction)
        else:
            wanted, rate = np.zeros_like(present), command.deceleration
        limit = np.asarray(self._arm.limits.velocities) * fraction
        change = np.clip(np.clip(wanted, -limit, limit) - present, -rate * step, rate * step)
        return np.asarray(present + change)

    def _next_of_move(self, move: Move, step: float, fraction: float) -> np.ndarray:
        error = move.target - self.target_positions
        distance = float(np.abs(error).max())
        if distance < 1e-9:
            return np.zeros_like(error)
        present = float(np.abs(self.target_velocities).max())
        speed = min(
            move.speed * fraction,
            present + move.acceleration * step,
            float(np.sqrt(2.0 * move.acceleration * distance)),
            distance / step,
        )
        return np.asarray(error / distance * speed)

    def _send(self, lateness: float) -> None:
        """Give the arm a cycle of motion; its clock has gone a little beyond the cycle's end."""
        speeds = np.abs(self.target_velocities)
        tail = max(float((speeds / self._brake).max()), self._cycle)
        here = self.target_positions + self.target_velocities * lateness
        ahead = here + self.target_velocities * self._cycle
        end = np.clip(
            ahead + 0.5 * self.target_velocities * tail,
            self._arm.limits.lower,
            self._arm.limits.upper,
        )
        trajectory = JointTrajectory(
            np.array([0.0, self._cycle, self._cycle + tail]),
            np.vstack([here, ahead, end]),
            np.vstack([self.target_velocities] * 2 + [np.zeros_like(end)]),
        )
        try:
            self._arm.steer(trajectory)
        except CommandRejectedError:
            self.give_way()
            raise
