"""How a set-point that is off a trajectory's start joins it: without a jump."""

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.limits import JointLimits

SHORTEST = 0.01  # [s] shortest piece of a spline
_SPARE = 0.12  # of the acceleration limits: what plans leave for joining a start that is off


def make_bridge(
    offset: np.ndarray, difference: np.ndarray, limits: JointLimits
) -> CubicHermiteSpline | None:
    """Return what is added to a trajectory from its start on, and fades; None: nothing.

    Joints at rest join it within the acceleration that plans leave unused; joints that move, within
    the stop accelerations.

    Args:
        offset: Set-point less the trajectory's first point, shape (n,) [rad].
        difference: Their difference of speeds, shape (n,) [rad/s].
        limits: Accelerations, and those of stops.
    """
    if not (np.any(offset) or np.any(difference)):
        return None
    is_at_rest = not np.any(difference)
    rate = np.asarray(limits.stop_accelerations)
    if is_at_rest:
        rate = _SPARE * np.asarray(limits.accelerations)
    duration = SHORTEST
    # A cubic's acceleration is largest at one of its ends.
    while (np.abs(6.0 * offset / duration**2 + 4.0 * difference / duration) > rate).any() or (
        np.abs(6.0 * offset / duration**2 + 2.0 * difference / duration) > rate
    ).any():
        duration *= 1.2
    still = np.zeros_like(offset)
    return CubicHermiteSpline([0.0, duration], [offset, still], [difference, still])
