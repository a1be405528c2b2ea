"""Messages of other cameras become what we mean."""

import array

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from equigrasp.errors import ConfigError, PerceptionError  # noqa: E402
from equigrasp.perception.camera_model import CameraModel  # noqa: E402
from equigrasp.perception.rectification import Rectifier  # noqa: E402
from equigrasp.ros.messages.images import (
    from_camera_info_msg,
    from_depth_msg,
    to_camera_info_msg,
    to_depth_msg,
)

pytestmark = pytest.mark.ros
MODEL = CameraModel(7, 5, 60.0, 61.0, 3.1, 2.2)


def _image(pixels: np.ndarray, encoding: str, padding: int = 0, is_bigendian: int = 0) -> Image:
    """Return an image whose rows end in `padding` bytes of rubbish."""
    height, width = pixels.shape
    rows = pixels.view(np.uint8).reshape(height, -1)
    rows = np.hstack([rows, np.full((height, padding), 0xAB, np.uint8)])
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=rows.shape[1],
        data=array.array("B", rows.tobytes()),
    )


def test_our_own_depth_images_come_back_as_they_were(rng: np.random.Generator) -> None:
    depth = rng.uniform(0.0, 2.0, (5, 7)).astype(np.float32)
    depth[2, 3] = np.nan
    back = from_depth_msg(to_depth_msg(depth, 12.5, "camera"))
    assert back.dtype == np.float32
    assert np.array_equal(back, depth, equal_nan=True)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("order", ["<", ">"])
def test_whole_millimetres_become_metres(
    rng: np.random.Generator, padding: int, order: str
) -> None:
    millimetres = rng.integers(0, 65536, (5, 7)).astype(f"{order}u2")
    found = from_depth_msg(_image(millimetres, "16UC1", padding, int(order == ">")))
    assert found == pytest.approx(millimetres.astype(np.float64) / 1000.0, rel=1e-6)


@pytest.mark.parametrize("padding", [0, 4])
def test_metres_stay_metres(rng: np.random.Generator, padding: int) -> None:
    metres = rng.uniform(0.0, 2.0, (5, 7)).astype("<f4")
    assert (from_depth_msg(_image(metres, "32FC1", padding)) == metres).all()


def test_an_image_that_is_no_depth_or_not_whole_is_refused() -> None:
    with pytest.raises(PerceptionError, match="'mono8' is not one of 32FC1, 16UC1"):
        from_depth_msg(_image(np.zeros((5, 7), np.uint8), "mono8"))
    message = _image(np.zeros((5, 7), "<u2"), "16UC1")
    message.data = message.data[:-1]
    with pytest.raises(PerceptionError, match="7 x 5 px holds 69 bytes"):
        from_depth_msg(message)
    message = _image(np.zeros((5, 7), "<u2"), "16UC1")
    message.step = 7
    with pytest.raises(PerceptionError, match="7 a row"):
        from_depth_msg(message)


def test_intrinsics_come_back_as_they_were() -> None:
    assert from_camera_info_msg(to_camera_info_msg(MODEL, 1.0, "camera")) == (MODEL, ())


def test_a_rectified_image_has_the_intrinsics_of_its_projection() -> None:
    message = to_camera_info_msg(MODEL, 1.0, "camera")
    message.k = [99.0, 0.0, 9.0, 0.0, 99.0, 9.0, 0.0, 0.0, 1.0]  # of the raw image
    assert from_camera_info_msg(message) == (MODEL, ())
    message = to_camera_info_msg(MODEL, 1.0, "camera")
    message.p = [0.0] * 12  # a driver that knows nothing of rectifying
    assert from_camera_info_msg(message) == (MODEL, ())
    with pytest.raises(ConfigError, match="must be positive"):
        from_camera_info_msg(CameraInfo(width=7, height=5))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("entry", [0, 2, 4, 5])
@pytest.mark.parametrize("matrix", ["k", "p"])
def test_intrinsics_must_be_finite(matrix: str, entry: int, value: float) -> None:
    message = to_camera_info_msg(MODEL, 1.0, "camera")
    getattr(message, matrix)[entry] = value
    with pytest.raises(ConfigError, match="must be finite, found"):
        from_camera_info_msg(message)


def test_a_region_and_binning_change_the_intrinsics() -> None:
    message = to_camera_info_msg(CameraModel(640, 480, 600.0, 602.0, 320.0, 240.0), 1.0, "camera")
    message.roi.x_offset, message.roi.y_offset = 100, 40
    message.roi.width, message.roi.height = 400, 300
    message.binning_x, message.binning_y = 2, 4
    model, _ = from_camera_info_msg(message)
    assert model == CameraModel(200, 75, 300.0, 150.5, 110.0, 50.0)
    message.roi.x_offset = 300
    with pytest.raises(ConfigError, match=r"400 x 300 px at \(300, 40\) lies outside"):
        from_camera_info_msg(message)


@pytest.mark.parametrize("size", [(16_385, 10), (10, 2**31)])
def test_an_image_too_large_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="at most 16384 px"):
        CameraModel(*size, 60.0, 60.0, 3.0, 3.0)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *(("plumb_bob", count) for count in (4, 5)),
        *(("rational_polynomial", count) for count in (8, 12, 14)),
    ],
)
def test_a_bent_image_has_the_intrinsics_of_the_lens_and_its_distortion(
    kind: str, count: int
) -> None:
    message = to_camera_info_msg(MODEL, 1.0, "camera")
    message.p[0] = 99.0  # of the image that the driver could straighten, and did not
    message.d, message.distortion_model = [0.1] * count, kind
    assert from_camera_info_msg(message) == (MODEL, (0.1,) * count)
    Rectifier(*from_camera_info_msg(message))


def test_distortion_that_nobody_can_undo_is_refused() -> None:
    message = to_camera_info_msg(MODEL, 0.0, "camera")
    message.d, message.distortion_model = [0.1] * 4, "equidistant"
    with pytest.raises(ConfigError, match="'equidistant' is not one of plumb_bob"):
        from_camera_info_msg(message)
