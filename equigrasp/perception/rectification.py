"""Straighten images of a lens that bends them, so that the pinhole model holds."""

import cv2
import numpy as np

from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.perception.camera_model import CameraModel

_COUNTS = (0, 4, 5, 8, 12, 14)  # of coefficients that OpenCV knows


class Rectifier:
    """Looks each pixel of the straight image up in the bent one; the intrinsics stay the same.

    Methods raise `PerceptionError` if an image has another size than the intrinsics.

    Args:
        model: Intrinsics of the bent image, and of the straight one.
        distortion: k1, k2, p1, p2, k3 (`plumb_bob`), with k4, k5, k6 and perhaps s1 to s4 and
            tau_x, tau_y (`rational_polynomial`), as OpenCV orders them; or nothing.
    """

    def __init__(self, model: CameraModel, distortion: tuple[float, ...]) -> None:
        if len(distortion) not in _COUNTS or not np.isfinite(distortion).all():
            counts = ", ".join(map(str, _COUNTS))
            raise ConfigError(f"Distortion has {counts} finite coefficients, found {distortion}.")
        self.model = model
        self._maps: tuple[np.ndarray, np.ndarray] | None = None
        if any(distortion):
            camera = np.array(
                [
                    [model.fx_px, 0.0, model.cx_px],
                    [0.0, model.fy_px, model.cy_px],
                    [0.0, 0.0, 1.0],
                ]
            )
            size = (model.width_px, model.height_px)
            self._maps = cv2.initUndistortRectifyMap(
                camera, np.array(distortion), np.eye(3), camera, size, cv2.CV_32FC1
            )

    def color(self, image: np.ndarray) -> np.ndarray:
        """Return the straight picture, (H, W, 3) uint8; black where the bent one shows nothing."""
        return self._straight(image, cv2.INTER_CUBIC)

    def depth(self, image: np.ndarray) -> np.ndarray:
        """Return straight depth, (H, W) [m]: the nearest pixel's, for depths are not to be mixed."""
        return self._straight(image, cv2.INTER_NEAREST)

    def _straight(self, image: np.ndarray, interpolation: int) -> np.ndarray:
        shape = (self.model.height_px, self.model.width_px)
        if image.shape[:2] != shape:
            raise PerceptionError(
                f"An image of {image.shape[1]} x {image.shape[0]} px does not fit intrinsics of "
                f"{shape[1]} x {shape[0]} px."
            )
        if self._maps is None:
            return image
        return np.asarray(cv2.remap(image, *self._maps, interpolation))
