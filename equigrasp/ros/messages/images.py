"""Between image messages and arrays, and intrinsics."""

import array

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.perception.camera_model import CameraModel
from equigrasp.ros.messages.times import to_time


def to_depth_msg(depth: np.ndarray, stamp: float, frame_id: str) -> Image:
    """Return a depth image [m] as 32FC1 (REP-118)."""
    return _image(depth.astype("<f4"), "32FC1", stamp, frame_id)


def from_depth_msg(message: Image) -> np.ndarray:
    """Return a depth image [m], (H, W) float32, from 32FC1 [m] or 16UC1 [mm].

    Raises:
        PerceptionError: for another encoding or a truncated image.
    """
    dtypes = {"32FC1": "f4", "16UC1": "u2"}
    if message.encoding not in dtypes:
        raise PerceptionError(
            f"Depth encoding '{message.encoding}' is not one of {', '.join(dtypes)}."
        )
    dtype = np.dtype((">" if message.is_bigendian else "<") + dtypes[message.encoding])
    row = message.width * dtype.itemsize  # [bytes]; a row may be padded to `step`
    step = message.step or row
    if step < row or len(message.data) != message.height * step:
        raise PerceptionError(
            f"A {message.encoding} image of {message.width} x {message.height} px holds "
            f"{len(message.data)} bytes, {step} a row."
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, step)
    image = np.ascontiguousarray(rows[:, :row]).view(dtype)
    scale = 1.0 if message.encoding == "32FC1" else 0.001
    return image.astype(np.float32) * np.float32(scale)


def to_color_msg(color: np.ndarray, stamp: float, frame_id: str) -> Image:
    """Return an RGB picture (H, W, 3) uint8 as rgb8."""
    return _image(color, "rgb8", stamp, frame_id)


def from_color_msg(message: Image) -> np.ndarray:
    """Return an RGB picture (H, W, 3) uint8 from rgb8, bgr8, rgba8, bgra8 or mono8.

    Raises:
        PerceptionError: for another encoding or a truncated image.
    """
    channels = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "mono8": (0, 0, 0)}
    channels |= {"rgba8": (0, 1, 2), "bgra8": (2, 1, 0)}
    counts = {"rgb8": 3, "bgr8": 3, "mono8": 1, "rgba8": 4, "bgra8": 4}
    if message.encoding not in channels:
        raise PerceptionError(
            f"Colour encoding '{message.encoding}' is not one of {', '.join(channels)}."
        )
    count = counts[message.encoding]
    row = message.width * count  # [bytes]; a row may be padded to `step`
    step = message.step or row
    if step < row or len(message.data) != message.height * step:
        raise PerceptionError(
            f"A {message.encoding} image of {message.width} x {message.height} px holds "
            f"{len(message.data)} bytes, {step} a row."
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, step)[:, :row]
    pixels = rows.reshape(message.height, message.width, count)
    return np.ascontiguousarray(pixels[:, :, channels[message.encoding]])


def _image(pixels: np.ndarray, encoding: str, stamp: float, frame_id: str) -> Image:
    message = Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=array.array("B", np.ascontiguousarray(pixels).tobytes()),
    )
    message.header.stamp, message.header.frame_id = to_time(stamp), frame_id
    return message


def to_camera_info_msg(model: CameraModel, stamp: float, frame_id: str) -> CameraInfo:
    """Return intrinsics as a message (rectified: no distortion)."""
    k = [model.fx_px, 0.0, model.cx_px, 0.0, model.fy_px, model.cy_px, 0.0, 0.0, 1.0]
    message = CameraInfo(
        width=model.width_px,
        height=model.height_px,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=k,
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
    )
    message.header.stamp, message.header.frame_id = to_time(stamp), frame_id
    return message


def from_camera_info_msg(message: CameraInfo) -> tuple[CameraModel, tuple[float, ...]]:
    """Return intrinsics, and the distortion of the image as it comes; empty where it is straight.

    A bent image has K. A straight one has P; drivers that fill in K alone then mean the same by it.
    Both are of the whole sensor: a region of interest and binning come on top.

    Raises:
        ConfigError: if intrinsics are not finite and positive, or for a distortion model other than
            plumb_bob and rational_polynomial.
    """
    p, k, distortion = message.p, message.k, tuple(float(v) for v in message.d)
    for name, numbers in (("K", k), ("P", p), ("D", distortion)):
        if not np.isfinite(numbers).all():
            raise ConfigError(f"Intrinsics must be finite, found {name} = {list(numbers)}.")
    if not any(distortion):
        distortion = ()
    elif message.distortion_model not in ("plumb_bob", "rational_polynomial"):
        raise ConfigError(
            f"Distortion model '{message.distortion_model}' is not one of plumb_bob, "
            "rational_polynomial. Let the camera's driver rectify the images."
        )
    is_straight = not distortion and p[0] > 0.0
    fx, fy, cx, cy = (p[0], p[5], p[2], p[6]) if is_straight else (k[0], k[4], k[2], k[5])
    roi, whole = message.roi, CameraModel(message.width, message.height, fx, fy, cx, cy)
    if roi.x_offset + roi.width > whole.width_px or roi.y_offset + roi.height > whole.height_px:
        raise ConfigError(
            f"Region of interest {roi.width} x {roi.height} px at ({roi.x_offset}, {roi.y_offset}) "
            f"lies outside the image of {whole.width_px} x {whole.height_px} px."
        )
    across, down = max(1, message.binning_x), max(1, message.binning_y)
    model = CameraModel(
        (roi.width or whole.width_px) // across,
        (roi.height or whole.height_px) // down,
        fx / across,
        fy / down,
        (cx - roi.x_offset) / across,  # as image_geometry does it
        (cy - roi.y_offset) / down,
    )
    return model, distortion
