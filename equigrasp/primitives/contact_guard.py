"""Notice by force that a motion has met something."""

from abc import ABC, abstractmethod

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.planning.motion_planner import MotionPlanner

_DELAY = 0.10  # [s] of a motion before a guard listens: the start-up jerk


class _ForceChange(ABC):
    """The force on the TCP beside its value at the start, where nothing touches.

    This takes out what the model does not know of masses and friction. An arm that reports neither a
    force nor torques (all zero) is only stopped by its own tracking fault.
    """

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self._cell = cell
        self._planner = planner
        self._began = cell.clock.now()
        self._free = self._force()

    def begin_motion(self) -> None:
        """Leave out the start-up jerk of another motion, too; what counts as free stays as it was."""
        self._began = self._cell.clock.now()

    def pushes_back(self) -> bool:
        """Tell whether the force has changed by more than the cell's limit."""
        return self._cell.clock.now() - self._began >= _DELAY and self.is_pressed()

    def is_pressed(self) -> bool:
        """Tell the same of an arm at rest, however short its motion was."""
        change = self._change()
        return change is not None and self._exceeds(change)

    @abstractmethod
    def _exceeds(self, change: np.ndarray) -> bool:
        """Tell whether a change of the force (3,) [N] is more than the cell's limit."""

    def _is_from_below(self, change: np.ndarray) -> bool:
        # Makers do not agree on the sign of a measured force.
        size = abs(change[2]) if self._cell.arm.tcp_force() is not None else change[2]
        return bool(size > self._cell.config.safety.contact_force)

    def _is_strong(self, change: np.ndarray) -> bool:
        return bool(np.linalg.norm(change) > self._cell.config.safety.push_force)

    def _change(self) -> np.ndarray | None:
        """Return by how much the force on the TCP has changed, (3,) [N]; None: it is not known."""
        force = self._force()
        return None if force is None or self._free is None else force - self._free

    def _force(self) -> np.ndarray | None:
        """Return the force on the TCP (3,) [N], measured or else from torques; None without both."""
        measured = self._cell.arm.tcp_force()
        if measured is not None:
            return np.asarray(measured, dtype=float)
        state = self._cell.arm.joint_state()
        if not state.efforts.any():
            return None
        velocities = np.nan_to_num(state.velocities)  # what no driver tells is little in a descent
        return self._planner.external_force(state.positions, velocities, state.efforts)


class ContactGuard(_ForceChange):
    """Watches the vertical force during a descent."""

    def _exceeds(self, change: np.ndarray) -> bool:
        return self._is_from_below(change)


class StrokeGuard(_ForceChange):
    """Watches the whole force during a push: what it pushes may be held by something."""

    def _exceeds(self, change: np.ndarray) -> bool:
        return self._is_strong(change)


class ServoGuard(_ForceChange):
    """Watches both, all through an episode of steps: pressed deeper step by step, the hand is stopped too."""

    def is_pressed_from_below(self) -> bool:
        """Tell whether the vertical force alone is more than the cell allows a descent, the arm at rest."""
        change = self._change()
        return change is not None and self._is_from_below(change)

    def _exceeds(self, change: np.ndarray) -> bool:
        return self._is_from_below(change) or self._is_strong(change)
