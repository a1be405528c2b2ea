"""Notice by force that a descent has met something."""

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.planning.motion_planner import MotionPlanner

_DELAY = 0.10  # [s] of a descent before the guard listens: the start-up jerk


class ContactGuard:
    """Compares the vertical force on the TCP with its value at the start, where nothing touches.

    This takes out what the model does not know of masses and friction. An arm that reports neither a
    force nor torques (all zero) is only stopped by its own tracking fault.
    """

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self._cell = cell
        self._planner = planner
        self._began = cell.clock.now()
        self._free = self._vertical_force()

    def pushes_back(self) -> bool:
        """Tell whether the force has changed by more than the cell's limit."""
        if self._cell.clock.now() - self._began < _DELAY:
            return False
        force = self._vertical_force()
        if force is None or self._free is None:
            return False
        change = force - self._free
        # Makers do not agree on the sign of a measured force.
        size = abs(change) if self._cell.arm.tcp_force() is not None else change
        return size > self._cell.config.safety.contact_force

    def _vertical_force(self) -> float | None:
        """Return the upward force on the TCP [N], measured or else from torques; None without both."""
        measured = self._cell.arm.tcp_force()
        if measured is not None:
            return float(measured[2])
        state = self._cell.arm.joint_state()
        if not state.efforts.any():
            return None
        velocities = np.nan_to_num(state.velocities)  # what no driver tells is little in a descent
        force = self._planner.external_force(state.positions, velocities, state.efforts)
        return float(force[2])
