"""Pinhole camera without distortion (images are rectified)."""

import math
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import ConfigError

_MAX_SIDE_PX = 16_384


@dataclass(frozen=True)
class CameraModel:
    """Intrinsics in pixels; the optical frame has z forward, x right, y down (REP-103)."""

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float

    def __post_init__(self) -> None:
        numbers = (self.fx_px, self.fy_px, self.cx_px, self.cy_px)
        if not all(math.isfinite(number) for number in numbers):
            raise ConfigError(f"Camera intrinsics must be finite: {self}.")
        if max(self.width_px, self.height_px) > _MAX_SIDE_PX:
            raise ConfigError(f"Camera images have at most {_MAX_SIDE_PX} px a side: {self}.")
        if self.width_px <= 0 or self.height_px <= 0 or self.fx_px <= 0 or self.fy_px <= 0:
            raise ConfigError(f"Camera sizes and focal lengths must be positive: {self}.")

    def deproject(self, depth: np.ndarray) -> np.ndarray:
        """Return the optical-frame points of the valid pixels of a depth image.

        Args:
            depth: Shape (H, W) [m]; 0, negative and not-finite pixels are skipped.

        Returns:
            Points, shape (N, 3), float32 [m], in row-major pixel order.
        """
        rows, cols = np.nonzero(np.isfinite(depth) & (depth > 0))
        z = depth[rows, cols]
        x = (cols - self.cx_px) * z / self.fx_px
        y = (rows - self.cy_px) * z / self.fy_px
        return np.stack([x, y, z], axis=1).astype(np.float32)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return image positions (column, row) [px], shape (N, 2), of points (N, 3) [m]."""
        u = points[:, 0] / points[:, 2] * self.fx_px + self.cx_px
        v = points[:, 1] / points[:, 2] * self.fy_px + self.cy_px
        return np.stack([u, v], axis=1)
