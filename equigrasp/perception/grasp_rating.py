"""How good a grasp looks: what the fingers' pads would meet, by the heightmap alone."""

import numpy as np
from numpy.typing import ArrayLike

from equigrasp.perception.grasp_height import sample_strip

_HALF_ALONG_PX = 20  # samples each way in the opening direction: 62 mm
_ALONG = np.arange(-_HALF_ALONG_PX, _HALF_ALONG_PX + 1)
_ACROSS = np.arange(-4, 5)  # 25 mm, a finger pad
_PAD_RISE = 0.006  # [m] above the TCP where a pad's lower edge takes hold
_GOOD_DEPTH = 0.025  # [m] of pad over object beyond which more is no better
_MIN_DEPTH = 0.006  # [m] with less the grasp is not worth a try
_FINGER_SLACK_PX = 1  # left between object and finger on the way down


def rate_grasps(
    heightmap: np.ndarray,
    pixels: np.ndarray,
    theta: ArrayLike,
    *,
    pixel_size: float,
    height: ArrayLike,
    width: ArrayLike,
) -> list[float | None]:
    """Return the scores of K grasps, at most 3 each; None where nothing would be held.

    A good grasp has both pads deep over one object, the object's sides square to the closing direction
    (antipodal), room where the fingers come down, and the object's middle between the pads.

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        pixels: Rows and columns of the grasps, shape (K, 2).
        theta: Yaws, shape (K,) or () [rad]; at 0 the fingers open along rows.
        pixel_size: Side of a cell [m].
        height: Of the TCP above the floor, shape (K,) or () [m].
        width: Openings of the fingers on the way down, shape (K,) or () [m].
    """
    strips = sample_pads(heightmap, pixels, theta)
    heights, widths = (np.broadcast_to(v, len(strips)) for v in (height, width))
    return [
        rate_pads(strip, h, w / 2.0 / pixel_size)
        for strip, h, w in zip(strips, heights.tolist(), widths.tolist(), strict=True)
    ]


def sample_pads(heightmap: np.ndarray, pixels: np.ndarray, theta: ArrayLike) -> np.ndarray:
    """Return heights (K, U, V) [m] about pixels (K, 2): opening direction by pad width."""
    return sample_strip(heightmap, pixels[:, 0], pixels[:, 1], theta, _ALONG, _ACROSS)


def rate_pads(strip: np.ndarray, height: float, opening_px: float) -> float | None:
    """Rate heights (U, V) [m] between and under the fingers; None if nothing would be held."""
    inner = int(opening_px) - _FINGER_SLACK_PX
    between = strip[_HALF_ALONG_PX - inner : _HALF_ALONG_PX + inner + 1]
    # How deep the pads reach over what is there; the highest 5 % may be a rim or a noisy cell.
    depth = float(np.quantile(between, 0.95)) - height
    if depth < _MIN_DEPTH:
        return None
    # In each row across the pad, where closing pads would meet the object from either side.
    is_met = between > height + _PAD_RISE
    rows = np.nonzero(is_met.any(axis=0))[0]
    if len(rows) < 3:
        return None
    first = is_met[:, rows].argmax(axis=0).astype(float)
    last = len(is_met) - 1 - is_met[::-1, rows].argmax(axis=0).astype(float)
    if first.min() < 1 or last.max() > len(is_met) - 2:
        return None  # something stands where a finger comes down
    # Antipodal contact: the object's sides, as lines fitted through where the pads meet it, must stand
    # square to the closing direction (lean) and be straight (bend), and what is between them solid
    # (filled), or the pads close on two things, or turn the one away.
    across = rows - rows.mean()
    spread = float(across @ across)
    lean = abs(float(across @ first)) / spread + abs(float(across @ last)) / spread
    filled = float(is_met[:, rows].sum() / (last - first + 1).sum())
    offset = abs(float((first + last).mean() / 2.0 - (len(is_met) - 1) / 2.0))
    bend = float(first.std() + last.std())
    return (
        2.0 * min(depth, _GOOD_DEPTH) / _GOOD_DEPTH
        + 1.0 * len(rows) / strip.shape[1]
        - 1.0 * lean
        - 0.15 * bend
        - 2.0 * (1.0 - filled)
        - 0.08 * offset
    )
