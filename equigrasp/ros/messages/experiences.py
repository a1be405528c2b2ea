"""Between experience messages and transitions."""

import math

from equigrasp_interfaces.msg import Experience

from equigrasp.errors import ReplayError
from equigrasp.geometry.workspace import Workspace
from equigrasp.replay.transition import GraspTransition, quantize
from equigrasp.ros.messages.heightmaps import from_heightmap_msg

_TIMES = ("attempt_time", "idle_time", "decision_time")


class ExperienceChecks:
    """Reads attempts, and refuses those that a run could not learn from.

    Args:
        workspace: A tray of the run's cell: tells the sizes of heightmaps and of the action square.
        num_rotations: Grasp yaws of the run's method.
    """

    def __init__(self, workspace: Workspace, num_rotations: int) -> None:
        self._size_px = workspace.heightmap_size_px
        self._border_px = workspace.border_px
        self._num_rotations = num_rotations

    def read(self, message: Experience) -> GraspTransition:
        """Return an attempt as a transition.

        Raises:
            PerceptionError: if the heightmap is not whole.
            ConfigError: if the heightmap's workspace is none.
            ReplayError: if the attempt does not fit the run, or holds what is no number.
        """
        heightmap, grasp = from_heightmap_msg(message.heightmap).heightmap, message.grasp
        if len(heightmap) != self._size_px:
            raise ReplayError(
                f"Heightmaps of this run's cell have {self._size_px} px, found {len(heightmap)} px."
            )
        low, high = self._border_px, self._size_px - self._border_px
        if not (low <= grasp.row < high and low <= grasp.col < high):
            raise ReplayError(
                f"Pixel ({grasp.row}, {grasp.col}) is not in the action square, {low} to {high - 1}."
            )
        if not 0 <= grasp.rotation_bin < self._num_rotations:
            raise ReplayError(
                f"Rotation bin {grasp.rotation_bin} is none of {self._num_rotations}."
            )
        for name in _TIMES:
            if not math.isfinite(getattr(message, name)):
                raise ReplayError(f"{name} is {getattr(message, name)}.")
        return GraspTransition(
            quantize(heightmap),
            int(grasp.row),
            int(grasp.col),
            int(grasp.rotation_bin),
            float(message.reward),
            int(message.attempt),
        )
