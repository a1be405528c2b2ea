"""Phases of a primitive, as they begin."""

from collections.abc import Callable

from equigrasp.devices.clock import Clock
from equigrasp.primitives.outcome import Phase

OnPhase = Callable[[Phase], None]


class Phases:
    """Tells of each phase as it begins, and keeps when that was.

    Args:
        clock: Of the robot.
        on_phase: Told of each.
    """

    def __init__(self, clock: Clock, on_phase: OnPhase) -> None:
        self._clock, self._on_phase = clock, on_phase
        self._began = clock.now()
        self.times: dict[str, float] = {}  # [s] since the making, by the phase's name

    @property
    def duration(self) -> float:
        """Time since the making [s]."""
        return self._clock.now() - self._began

    def enter(self, phase: Phase) -> None:
        """Begin a phase."""
        self.times[phase.name.lower()] = self.duration
        self._on_phase(phase)
