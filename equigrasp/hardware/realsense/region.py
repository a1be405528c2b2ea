"""The region of interest: what is cut out of the camera's image."""

from dataclasses import dataclass

import numpy as np

from equigrasp.devices.cell import CameraConfig
from equigrasp.errors import DeviceError
from equigrasp.perception.camera_model import CameraModel


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the rectangle of an image (H, W, ...), as a view."""
        rows = slice(self.top_px, self.top_px + self.height_px)
        return image[rows, self.left_px : self.left_px + self.width_px]

    def model(self, whole: CameraModel) -> CameraModel:
        """Return the intrinsics of the rectangle from those of the whole image."""
        return CameraModel(
            self.width_px,
            self.height_px,
            whole.fx_px,
            whole.fy_px,
            whole.cx_px - self.left_px,
            whole.cy_px - self.top_px,
        )


def find_region(whole: CameraModel, camera: CameraConfig, offset_px: tuple[int, int]) -> Region:
    """Return the rectangle of the size of a cell's camera, around the middle of the image.

    Args:
        whole: Size of the image.
        camera: Names the size that is wanted.
        offset_px: How far right and down of the middle it lies.

    Raises:
        DeviceError: if it is larger than the image or reaches out of it.
    """
    left = (whole.width_px - camera.width_px) // 2 + offset_px[0]
    top = (whole.height_px - camera.height_px) // 2 + offset_px[1]
    is_inside = 0 <= left <= whole.width_px - camera.width_px
    if not (is_inside and 0 <= top <= whole.height_px - camera.height_px):
        raise DeviceError(
            f"The region of interest of camera '{camera.name}', {camera.width_px}x"
            f"{camera.height_px} px with offset {offset_px[0]}, {offset_px[1]}, does not lie within"
            f" the image of {whole.width_px}x{whole.height_px} px."
        )
    return Region(left, top, camera.width_px, camera.height_px)


def check_focal_length(found: CameraModel, camera: CameraConfig, tolerance: float) -> None:
    """Check that a camera sees about what its cell expects.

    Raises:
        DeviceError: if a focal length is off by more than the share `tolerance`.
    """
    expected = camera.model.fy_px
    for focal in (found.fx_px, found.fy_px):
        if abs(focal / expected - 1.0) > tolerance:
            raise DeviceError(
                f"The camera's focal length is {focal:.1f} px; camera '{camera.name}' with"
                f" fov_y_deg {camera.fov_y_deg} has {expected:.1f} px, and may differ by"
                f" {tolerance:.0%}. Choose another color_size_px, or correct fov_y_deg."
            )
