"""A fixed scene that shows what the values of pixels and yaws mean, and whether they turn with it."""

from collections.abc import Callable

import numpy as np

from equigrasp.learning.interfaces import Probe

_SIZE_PX, _ACTION_PX = 64, 32  # small, so that the check takes a moment at any size
_PIXEL = 9, 20

# heightmap (S, S), action size A, row, column -> Q-map (A, A), values of the yaws (n,)
Values = Callable[[np.ndarray, int, int, int], tuple[np.ndarray, np.ndarray]]


def probe_pixels(values: Values, is_equivariant: bool) -> Probe:
    """Return some pixels of the scene and a pixel's yaws, and how they follow a quarter turn.

    Args:
        values: The policy's; see `PixelPolicy.values`.
        is_equivariant: Whether they should turn with the scene.
    """
    heightmap, last = probe_heightmap(), _ACTION_PX - 1
    row, col = _PIXEL
    q_map, yaws = values(heightmap, _ACTION_PX, row, col)
    answers = tuple(round(float(value), 4) for value in (*q_map[::8, ::8].flat, *yaws))
    if not is_equivariant:
        return Probe(answers)
    turned = values(np.rot90(heightmap).copy(), _ACTION_PX, last - col, row)
    of_map = np.abs(turned[0] - np.rot90(q_map)).max()
    of_yaws = np.abs(turned[1] - np.roll(yaws, len(yaws) // 2)).max()
    return Probe(answers, float(np.maximum(of_map, of_yaws)))  # NaN stays NaN


def probe_heightmap() -> np.ndarray:
    """Return blocks of different heights that no turn maps onto themselves, float32 [m]."""
    rng = np.random.default_rng(0)
    heightmap = np.zeros((_SIZE_PX, _SIZE_PX), np.float32)
    for _ in range(8):
        row, col = rng.integers(8, _SIZE_PX - 24, 2)
        height, width = rng.integers(4, 20, 2)
        heightmap[row : row + height, col : col + width] = rng.uniform(0.01, 0.09)
    return heightmap
