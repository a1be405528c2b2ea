"""A picture of grasps, for networks: a bar along the closing axis with a block at each end."""

import numpy as np

PAD_LENGTH = 0.012  # [m] of the block at either end: a fingertip
_WIDTH = 0.022  # [m] of bar and blocks: a finger pad
_BODY, _PAD = 0.5, 1.0


def grasp_pictures(
    theta: np.ndarray, width: np.ndarray, size_px: int, pixel_size: float
) -> np.ndarray:
    """Draw K grasps, each in the middle of a square, shape (K, C, C) float32 in [0, 1].

    Args:
        theta: Yaws, shape (K,) [rad]; at 0 the fingers open along rows.
        width: Openings, shape (K,) [m].
        size_px: C.
        pixel_size: Side of a cell [m].
    """
    offsets = np.arange(size_px) - (size_px - 1) / 2.0
    rows, cols = offsets[:, None], offsets[None, :]
    cos, sin = np.cos(theta)[:, None, None], np.sin(theta)[:, None, None]
    along = np.abs(rows * cos + cols * sin)
    across = np.abs(-rows * sin + cols * cos)
    inner = width[:, None, None] / 2.0 / pixel_size
    outer = inner + PAD_LENGTH / pixel_size
    # Shares of a cell that lie within, as wide as a cell is: edges without steps.
    beside = np.clip(_WIDTH / 2.0 / pixel_size - across + 0.5, 0.0, 1.0)
    within = np.clip(outer - along + 0.5, 0.0, 1.0)
    body = np.clip(inner - along + 0.5, 0.0, 1.0)
    picture = beside * (_BODY * body + _PAD * np.maximum(within - body, 0.0))
    return np.asarray(picture, dtype=np.float32)
