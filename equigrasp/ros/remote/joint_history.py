"""How joints have moved of late, by where they were: drivers need not tell how fast they are."""

import threading
from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from equigrasp.devices.motion import JointState
from equigrasp.ros.runtime.ros_clock import Moment

_BASELINE = 0.02  # [s] over which a speed is taken: encoders have steps
_REST_TIME = 0.1  # [s] for which joints stand still before they rest
_MEMORY = 1.0  # [s]
_MOST = 2000  # states, where their stamps stand still


class _Sample(NamedTuple):
    state: JointState
    arrived: Moment

    def elapsed(self, earlier: "_Sample") -> float:
        """Time since another [s], by its stamps or by arrival: the shorter, since either may jump."""
        by_stamp = self.state.stamp - earlier.state.stamp
        return min(by_stamp, self.arrived.robot - earlier.arrived.robot)

    def way(self, earlier: "_Sample") -> np.ndarray:
        """How far the joints went since another, shape (n,) [rad]."""
        return self.state.positions - earlier.state.positions


class JointHistory:
    """Remembers the last joint states; to be asked from any thread."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_MOST)
        self._lock = threading.Lock()

    def add(self, state: JointState, arrived: Moment) -> JointState | None:
        """Return a state with the velocities that its positions show where none are told.

        A velocity of 0 tells nothing: many drivers fill it in. Velocities that nothing tells are NaN: of
        the first states, also after a clock was set back.

        Args:
            state: As it came; velocities are NaN where the driver does not tell them.
            arrived: When it came.

        Returns:
            The state; None if it is a repetition of the one before.
        """
        new = _Sample(state, arrived)
        with self._lock:
            if self._samples:
                last = self._samples[-1]
                if state.stamp == last.state.stamp and not new.way(last).any():
                    return None
                if new.elapsed(last) < 0.0:
                    self._samples.clear()
            self._samples.append(new)
            while new.elapsed(self._samples[0]) > _MEMORY:
                self._samples.popleft()
            before = self._before(new, _BASELINE, list(self._samples))
        shown = np.full(len(state.positions), np.nan)
        if before is not None:
            shown = new.way(before) / new.elapsed(before)
        is_told = np.isfinite(state.velocities) & (state.velocities != 0.0)
        return replace(state, velocities=np.where(is_told, state.velocities, shown))

    def is_at_rest(self, since: Moment, speed: float) -> bool:
        """Tell whether the joints have stood still for a while after a moment.

        Args:
            since: States that came before it do not count.
            speed: Joints that are slower stand still [rad/s].
        """
        with self._lock:
            later = [s for s in self._samples if s.arrived.wall > since.wall]
        if not later or (np.abs(later[-1].state.velocities) > speed).any():
            return False
        begin = self._before(later[-1], _REST_TIME, later)
        if begin is None:
            return False
        window = [s.way(begin) for s in later if s.elapsed(begin) >= 0.0]
        return bool(np.ptp(window, axis=0).max() <= speed * _REST_TIME)

    @staticmethod
    def _before(new: _Sample, duration: float, samples: list[_Sample]) -> _Sample | None:
        """Return the newest sample that is older than another by a duration [s]."""
        return next((s for s in reversed(samples) if new.elapsed(s) >= duration), None)
