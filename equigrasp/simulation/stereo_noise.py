"""What a stereo depth camera adds to true depths."""

import math

import cv2
import numpy as np

_STD_AT_1_M = 0.0006  # [m] after the camera's own smoothing; grows with the square of the distance
_CORRELATION_PX = 1.2
_UNIT = 0.001  # [m] depth comes in whole millimetres
_STEP = 0.02  # [m] between neighbours beyond which pixels go missing …
_LOST_SHARE = 0.3  # … so many of them


def add_stereo_noise(
    depth: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> np.ndarray:
    """Return depths with noise, in whole millimetres, and with pixels missing at depth steps.

    Args:
        depth: Shape (H, W) [m]; 0: no measurement.
        rng: Of the noise.
        strength: Factor of the noise's deviation.
    """
    white = rng.normal(size=depth.shape).astype(np.float32)
    scale = _CORRELATION_PX * 2.0 * math.sqrt(math.pi)  # smoothing takes this factor off
    noise = cv2.GaussianBlur(white, (0, 0), _CORRELATION_PX) * scale
    noisy = depth + noise * (_STD_AT_1_M * strength) * depth**2
    noisy = np.round(noisy / _UNIT) * _UNIT
    step = cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _STEP
    noisy[(step & (rng.random(depth.shape) < _LOST_SHARE)) | (depth <= 0.0)] = 0.0
    return np.asarray(noisy)
