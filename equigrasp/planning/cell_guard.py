"""Holds a cell's box and heights at every set-point of a servo, whoever checked what is followed."""

import numpy as np
import pinocchio as pin

from equigrasp.devices.cell import CellConfig
from equigrasp.errors import CommandRejectedError
from equigrasp.planning.kinematics import Kinematics, tool_points

_SLACK = 3e-3  # [m] beyond box and heights; `TrajectoryCheck` leaves 1 mm
_STOP_SLACK = 0.02  # [m] the same of where the arm would come to rest: joints brake off their path
_FARTHER = 1e-4  # [m] that an arm outside may go farther out between two set-points: rounding
_ELBOW = 3  # joints from the third on are held above the table


class CellGuard:
    """The last look at a set-point: some 50 µs, from the model alone.

    What `TrajectoryCheck` admits never comes near. It is here for what did not pass through it.

    Args:
        cell: Limits, arm and gripper.
    """

    def __init__(self, cell: CellConfig) -> None:
        gripper = cell.load_gripper()
        arm = cell.load_arm()
        self._model = Kinematics(arm, gripper).model
        self._data = self._model.createData()
        frame = self._model.frames[self._model.getFrameId("tcp")]
        points = tool_points(gripper)
        tcp = frame.placement
        self._joint = frame.parent
        self._points = (tcp.rotation @ points.T).T + tcp.translation  # in the last joint, (4, 3)
        self._lower = np.asarray(cell.safety.box.lower)
        self._upper = np.asarray(cell.safety.box.upper)
        self._height = cell.safety.link_height
        self._brake = np.asarray(arm.limits.stop_accelerations)
        self._last: np.ndarray | None = None

    def check(self, positions: np.ndarray, velocities: np.ndarray) -> None:
        """Raise `CommandRejectedError` if a set-point is outside, and farther than the one before.

        Args:
            positions: Where the joints would go, shape (n,) [rad].
            velocities: How fast, shape (n,) [rad/s]; also where they would come to rest from there
                is looked at.
        """
        outside = self._outside(positions)
        before = outside if self._last is None else self._last
        self._last = outside
        at_rest = self._outside(positions + 0.5 * velocities * np.abs(velocities) / self._brake)
        for found, slack in ((outside, _SLACK), (at_rest, _STOP_SLACK)):
            excess = found - np.maximum(before + _FARTHER, slack)
            worst = int(excess.argmax())
            if excess[worst] > 0.0:
                what = "heights of the links" if worst >= 18 else "the safety box"
                raise CommandRejectedError(
                    f"The arm would leave {what} by {found[worst]:.3f} m: it was stopped."
                )

    def _outside(self, positions: np.ndarray) -> np.ndarray:
        """Return how far out each coordinate is (negative: inside), shape (18 + n - 1,) [m]."""
        pin.forwardKinematics(self._model, self._data, positions)
        placement = self._data.oMi[self._joint]
        tool = self._points @ placement.rotation.T + placement.translation
        box = np.concatenate([self._lower - tool[:3], tool[:3] - self._upper])
        heights = [self._data.oMi[i].translation[2] for i in range(_ELBOW, self._model.njoints)]
        return np.concatenate([box.ravel(), self._height - np.array([*heights, tool[3, 2]])])
