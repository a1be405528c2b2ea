"""Where grasps failed since the last success."""

import numpy as np

from equigrasp.learning.interfaces import Attempt

_RADIUS = 0.02  # [m] about a failure, where grasps are likely to fail by the same cause


def failed_pixels(history: tuple[Attempt, ...], workspace: str) -> np.ndarray:
    """Return where the newest attempts failed, rows and columns, shape (F, 2).

    Args:
        history: Attempts since the last success, newest last.
        workspace: Name of the one that is looked at; an attempt in another or at a place that is
            not known, and those before it, do not count.
    """
    found: list[tuple[int, int]] = []
    for attempt in reversed(history):
        if attempt.workspace != workspace or not attempt.action:
            break
        found.append((int(attempt.action["row"]), int(attempt.action["col"])))
    return np.array(found[::-1], float).reshape(-1, 2)


def nearness(pixels: np.ndarray, failed: np.ndarray, pixel_size: float) -> np.ndarray:
    """Return how near pixels are to failures: 1 for each failure at a pixel, fading, shape (K,).

    Args:
        pixels: Rows and columns, shape (K, 2).
        failed: Rows and columns, shape (F, 2).
        pixel_size: Side of a pixel [m].
    """
    squares = ((pixels[:, None] - failed) ** 2).sum(axis=2) * pixel_size**2
    return np.asarray(np.exp(-squares / (2.0 * _RADIUS**2)).sum(axis=1))
