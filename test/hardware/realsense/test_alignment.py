"""Depth is mapped into the colour image, or the other way round, where hand-worked geometry says."""

import numpy as np
import pytest
from realsense_rig import MakeRig, PaintedCamera, Rig

from equigrasp.hardware.realsense.config import FilterConfig
from equigrasp.hardware.realsense.wire import StreamInfo
from equigrasp.perception.camera_model import CameraModel

# The colour camera has one and a half times the focal length and sits 50 mm to the left of the
# depth camera, so that what the depth camera sees lies 50 mm further right in its coordinates.
DEPTH = CameraModel(64, 48, 60.0, 60.0, 31.5, 23.5)
COLOR = CameraModel(64, 48, 90.0, 90.0, 31.5, 23.5)
INFO = StreamInfo("f0002", DEPTH, COLOR, 50, translation=(0.05, 0.0, 0.0))


@pytest.fixture
def scene() -> PaintedCamera:
    """A box 1.0 m away, 0.267 m square, before a wall at 1.2 m; colour tells columns apart."""
    painted = PaintedCamera()
    painted.depth[:] = 1.2
    painted.depth[16:32, 24:40] = 1.0
    painted.color[:] = np.arange(64, dtype=np.uint8)[None, :, None]
    return painted


def _connected(make_rig: MakeRig, scene: PaintedCamera, align_to: str) -> Rig:
    rig = make_rig(scene=scene, info=INFO, align_to=align_to, focal_tolerance=0.6)
    rig.camera.connect()
    return rig


def test_depth_is_mapped_into_the_colour_image(make_rig: MakeRig, scene: PaintedCamera) -> None:
    rig = _connected(make_rig, scene, "color")
    frame = rig.camera.capture()
    # Left edge of the box: (23.5 - 31.5) / 60 * 1.0 + 0.05 = -0.0833 m, 90 * -0.0833 + 31.5 = 24;
    # right edge: 90 * (0.1333 + 0.05) + 31.5 = 48; rows: 23.5 -+ 90 * 0.1333 = 11.5 and 35.5.
    rows, cols = np.nonzero(np.abs(frame.depth - 1.0) < 1e-6)
    assert (rows.min(), rows.max()) == pytest.approx((12, 35), abs=1)
    assert (cols.min(), cols.max()) == pytest.approx((24, 47), abs=1)
    assert np.abs(frame.depth[14:34, 26:46] - 1.0).max() < 1e-6
    assert np.abs(frame.depth[2:9, 8:60] - 1.2).max() < 1e-6
    assert (frame.color == scene.color).all()
    assert rig.camera.model.fx_px == pytest.approx(90.0)


def test_colour_is_mapped_into_the_depth_image(make_rig: MakeRig, scene: PaintedCamera) -> None:
    rig = _connected(make_rig, scene, "depth")
    frame = rig.camera.capture()
    assert np.abs(frame.depth - scene.depth).max() < 1e-6
    for row, col, z in ((24, 30, 1.0), (24, 36, 1.0), (12, 20, 1.2), (36, 40, 1.2)):
        x = (col - 31.5) / 60.0 * z + 0.05
        assert frame.color[row, col, 0] == pytest.approx(90.0 * x / z + 31.5, abs=1.5)
    assert rig.camera.model.fx_px == pytest.approx(60.0)


def test_points_are_the_same_whichever_image_they_are_aligned_to(
    make_rig: MakeRig, scene: PaintedCamera
) -> None:
    clouds = []
    for align_to in ("color", "depth"):
        rig = _connected(make_rig, scene, align_to)
        points = rig.camera.model.deproject(rig.camera.capture().depth)
        box = points[np.abs(points[:, 2] - 1.0) < 0.01]
        clouds.append((box.min(axis=0) + box.max(axis=0)) / 2.0)
        rig.camera.disconnect()
    in_color, in_depth = clouds
    assert in_color - in_depth == pytest.approx([0.05, 0.0, 0.0], abs=0.012)


def test_a_halved_depth_image_still_fills_the_colour_image(
    make_rig: MakeRig, scene: PaintedCamera
) -> None:
    rig = make_rig(scene=scene, info=INFO, focal_tolerance=0.6, filters=FilterConfig(decimation=2))
    rig.camera.connect()
    depth = rig.camera.capture().depth
    assert depth.shape == (48, 64)
    assert (depth[4:44, 10:60] > 0).mean() > 0.97
    assert np.abs(depth[14:34, 27:45] - 1.0).max() < 1e-6
