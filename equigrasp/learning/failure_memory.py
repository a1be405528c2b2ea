"""Where grasps failed, for as long as the scene there stays as it was."""

from dataclasses import dataclass

import numpy as np

from equigrasp.geometry.actions import PixelGrasp
from equigrasp.perception.observation import Observation

_SURROUNDINGS_PX = 12  # half side of what is compared
_MAX_CHANGE = 0.002  # [m] mean difference of heights up to which a scene counts as unchanged
_MAX_FAILURES = 50  # remembered in a workspace


@dataclass(frozen=True, eq=False)
class _Choice:
    """A pixel, and the heights around it when it was chosen."""

    pixel: PixelGrasp
    surroundings: np.ndarray


class FailureMemory:
    """Keeps a policy from repeating a grasp that has just failed.

    A network's values of a scene stay the same until it has learned more, and a failed grasp often
    leaves the scene as it was: near-greedy choices repeat it many times. Neither does it need
    learning to know better. A failure is forgotten as soon as the heights around it change.

    Args:
        radius_px: Pixels closer than this to a failed grasp are not allowed; 0: nothing is remembered.
    """

    def __init__(self, radius_px: int) -> None:
        self._radius_px = radius_px
        self._last: dict[str, _Choice] = {}
        self._failures: dict[str, list[_Choice]] = {}

    def allowed(self, observation: Observation, mask: np.ndarray, has_failed: bool) -> np.ndarray:
        """Return which pixels of a mask may be chosen now.

        Args:
            observation: What the camera sees.
            mask: Allowed otherwise, shape (A, A), the middle of the heightmap.
            has_failed: Whether the last choice in this workspace has failed.

        Returns:
            Same shape; never empty: where all is forbidden, all failures are forgotten.
        """
        name = observation.workspace.name
        failures = self._failures.setdefault(name, [])
        last = self._last.pop(name, None)
        if has_failed and last is not None:
            failures.append(last)
        failures[:] = [f for f in failures if _is_unchanged(f, observation)][-_MAX_FAILURES:]
        rows, cols = np.indices(mask.shape) + observation.workspace.border_px
        allowed = mask.copy()
        for failure in failures:
            dy, dx = rows - failure.pixel.row, cols - failure.pixel.col
            allowed &= dy**2 + dx**2 >= self._radius_px**2
        if allowed.any():
            return allowed
        failures.clear()
        return mask

    def note(self, observation: Observation, pixel: PixelGrasp) -> None:
        """Remember a choice until it is known how it ended."""
        if self._radius_px:
            choice = _Choice(pixel, _surroundings(observation, pixel).copy())
            self._last[observation.workspace.name] = choice


def _surroundings(observation: Observation, pixel: PixelGrasp) -> np.ndarray:
    row, col, size = pixel.row, pixel.col, _SURROUNDINGS_PX
    return observation.heightmap[max(0, row - size) : row + size, max(0, col - size) : col + size]


def _is_unchanged(choice: _Choice, observation: Observation) -> bool:
    change = np.abs(_surroundings(observation, choice.pixel) - choice.surroundings)
    return float(change.mean()) < _MAX_CHANGE
