"""Step by step, whether a RealSense gives what the cell needs."""

from collections.abc import Iterator

import numpy as np

from equigrasp.devices.cell import CameraConfig
from equigrasp.devices.finding import Finding
from equigrasp.errors import EquigraspError
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.config import RealSenseConfig

_NO_CAMERA = "plug it into USB 3; name another source or serial; see docs/hardware/realsense.md"
_MIN_VALID = 0.5  # share of pixels with a depth below which something is wrong


def check_realsense(camera: CameraConfig, driver: RealSenseConfig) -> Iterator[Finding]:
    """Yield findings: camera, intrinsics, depth."""
    try:
        with RealSenseCamera(camera, driver) as device:
            frame, model = device.capture(), device.model
    except (EquigraspError, ImportError) as error:
        yield Finding(f"camera: {error}", False, _NO_CAMERA)
        return
    yield Finding(
        f"camera gives {model.width_px} x {model.height_px} px, focal lengths {model.fx_px:.1f} and "
        f"{model.fy_px:.1f} px, centre ({model.cx_px:.1f}, {model.cy_px:.1f}) px",
        True,
    )
    depth = frame.depth[np.isfinite(frame.depth) & (frame.depth > 0.0)]
    share = depth.size / frame.depth.size
    median = f", median {np.median(depth):.3f} m" if depth.size else ""
    yield Finding(
        f"{100 * share:.0f} % of the pixels have a depth{median}",
        share >= _MIN_VALID,
        "clean the glass, mind sunlight and the least distance; see docs/hardware/realsense.md",
    )
