"""What one grasp attempt teaches."""

from dataclasses import dataclass

import numpy as np

from equigrasp.errors import ReplayError

HEIGHT_UNIT = 1e-4  # [m] heightmaps are kept as whole tenths of a millimetre in uint16


@dataclass(frozen=True, eq=False)
class GraspTransition:
    """One attempt: a contextual bandit has no next observation.

    Args:
        heightmap: What the policy saw, shape (S, S), uint16, in units of `HEIGHT_UNIT`.
        row: Heightmap row of the grasp.
        col: Heightmap column of the grasp.
        rotation_bin: Index of the grasp yaw.
        reward: 1.0 for success, 0.0 for failure.
        attempt: Number of the attempt in its run, from 0.
    """

    heightmap: np.ndarray
    row: int
    col: int
    rotation_bin: int
    reward: float
    attempt: int

    def __post_init__(self) -> None:
        size = self.heightmap.shape[0]
        if self.heightmap.dtype != np.uint16 or self.heightmap.shape != (size, size):
            raise ReplayError(
                f"A transition needs a square uint16 heightmap, found {self.heightmap.dtype} "
                f"of shape {self.heightmap.shape}."
            )
        if not (0 <= self.row < size and 0 <= self.col < size):
            raise ReplayError(f"Pixel ({self.row}, {self.col}) is not in a {size} px heightmap.")
        if self.reward not in (0.0, 1.0):
            raise ReplayError(f"Reward must be 0 or 1, found {self.reward}.")


def quantize(heightmap: np.ndarray) -> np.ndarray:
    """Turn heights [m] into uint16 units; raise `ReplayError` where they are not finite."""
    if not np.isfinite(heightmap).all():
        raise ReplayError("A heightmap with values that are not finite cannot be stored.")
    return np.clip(np.round(heightmap / HEIGHT_UNIT), 0, 65535).astype(np.uint16)


def dequantize(heightmap: np.ndarray) -> np.ndarray:
    """Turn uint16 units into heights, float32 [m]."""
    return heightmap.astype(np.float32) * np.float32(HEIGHT_UNIT)
