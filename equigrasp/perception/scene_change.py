"""Whether something moved between two looks at a workspace."""

import numpy as np
from scipy import ndimage

from equigrasp.geometry.actions import Push
from equigrasp.geometry.workspace import Workspace

_STEP = 0.01  # [m] by which a cell's height changes where an object came or went
_MIN_PX = 50  # of such cells, as in public code of pushing and grasping ("change": 50 to 5000 px)
_GONE = 0.5  # share of an object's cells that are lower once it was taken away


def has_changed(before: np.ndarray, after: np.ndarray, workspace: Workspace) -> bool:
    """Tell whether heights of the action square changed by more than a camera's noise at edges.

    Args:
        before: Heights, shape (S, S) [m].
        after: The same, later.
        workspace: What they show.
    """
    inner = slice(workspace.border_px, workspace.border_px + workspace.action_size_px)
    is_other = np.abs(after[inner, inner] - before[inner, inner]) > _STEP
    # Edges flicker one cell wide; what moved leaves patches.
    return int(ndimage.binary_opening(is_other, np.ones((3, 3))).sum()) >= _MIN_PX


def idle_after(
    idle: tuple[Push, ...], push: Push, before: np.ndarray, after: np.ndarray, workspace: Workspace
) -> tuple[Push, ...]:
    """Return the pushes that moved nothing, the scene being as it is after one more push.

    Args:
        idle: Those before it.
        push: The push.
        before: Heights, shape (S, S) [m].
        after: The same, after the push.
        workspace: What they show.
    """
    return () if has_changed(before, after, workspace) else (*idle, push)


def is_gone(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether an object no longer lies where it was.

    Args:
        before: Heights when it was there, shape (S, S) [m].
        after: The same, later.
        mask: Its cells, shape (S, S); at least one.
    """
    fall = before[mask] - after[mask]
    return bool((fall > np.minimum(_STEP, before[mask] / 2.0)).mean() > _GONE)
