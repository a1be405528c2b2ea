"""Frames of a depth camera over a byte stream: a greeting, then frame after frame.

All numbers are little-endian. The greeting is `EGRS`, a version, the length of a JSON text and
that text: a `StreamInfo`. Each frame is `FRAM`, its number, its time [unix s], then Z16 depth and
RGB8 colour, row by row.
"""

import json
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from equigrasp.config import from_mapping, to_mapping
from equigrasp.errors import DeviceError, DeviceTimeoutError, EquigraspError
from equigrasp.perception.camera_model import CameraModel

_VERSION = 1
_GREETING = struct.Struct("<4sHI")
_FRAME = struct.Struct("<4sQd")
_MAX_TEXT = 65536  # [bytes]
_TICK = 0.1  # [s] after which a reader that hears nothing looks whether it is to end

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class StreamInfo:
    """What a camera says of itself before its first frame.

    Args:
        serial: Serial number.
        name: Product name.
        usb_type: USB version, as librealsense writes it.
        rate: Frames per second [Hz].
        depth_units: Metres per depth count [m].
        depth: Intrinsics and size of the depth image.
        color: Intrinsics and size of the colour image.
        rotation: Rotation that takes depth-camera coordinates to colour-camera coordinates,
            column by column as in librealsense's extrinsics.
        translation: Origin of the depth camera in the colour camera [m].
    """

    serial: str
    depth: CameraModel
    color: CameraModel
    rate: int = 30
    depth_units: float = 0.001
    name: str = "Virtual RealSense"
    usb_type: str = "3.2"
    rotation: tuple[float, ...] = IDENTITY
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class RawFrame:
    """One pair of images as they travel.

    Args:
        number: Counts the camera's frames, lost ones included.
        stamp: Time of acquisition [unix s].
        depth: Shape (H, W), uint16, in depth units; 0: no measurement.
        color: Shape (H, W, 3), uint8, RGB.
    """

    number: int
    stamp: float
    depth: np.ndarray
    color: np.ndarray


def pack_info(info: StreamInfo) -> bytes:
    """Return the greeting."""
    text = json.dumps(to_mapping(info)).encode()
    return _GREETING.pack(b"EGRS", _VERSION, len(text)) + text


def pack_frame(frame: RawFrame) -> bytes:
    """Return a frame's bytes."""
    head = _FRAME.pack(b"FRAM", frame.number, frame.stamp)
    depth = np.ascontiguousarray(frame.depth, "<u2").tobytes()
    return head + depth + np.ascontiguousarray(frame.color, np.uint8).tobytes()


class FrameReader:
    """Reads what `pack_info` and `pack_frame` wrote, from a connection.

    Args:
        connection: A connected socket, which the reader owns.
        timeout: Bound on the greeting, and on the rest of a frame that has begun [s].

    Raises:
        DeviceTimeoutError: if no greeting comes in time.
        DeviceError: if what comes is no greeting.
    """

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._connection, self._timeout = connection, timeout
        self._connection.settimeout(_TICK)
        magic, version, length = _GREETING.unpack(self._read(_GREETING.size))
        if magic != b"EGRS" or version != _VERSION or length > _MAX_TEXT:
            raise DeviceError(
                f"The server greets with {magic!r}, version {version}; known: b'EGRS', version"
                f" {_VERSION}. Does another program listen there?"
            )
        try:
            values: dict[str, Any] = json.loads(self._read(length))
            self.info = from_mapping(StreamInfo, values, "greeting")
        except (ValueError, EquigraspError) as error:
            raise DeviceError(f"The server's greeting makes no sense: {error}") from error

    def read(self) -> RawFrame | None:
        """Return the next frame, or None if none has begun for a moment.

        Raises:
            DeviceError: if the connection ends or carries no frames.
            DeviceTimeoutError: if a frame's rest does not come.
        """
        try:
            first = self._connection.recv(1)
        except TimeoutError:
            return None
        except OSError as error:
            raise DeviceError(f"the connection failed ({error})") from error
        if not first:
            raise DeviceError("the server closed the connection")
        magic, number, stamp = _FRAME.unpack(first + self._read(_FRAME.size - 1))
        if magic != b"FRAM":
            raise DeviceError(f"a frame begins with {magic!r}, not b'FRAM'")
        depth_shape = (self.info.depth.height_px, self.info.depth.width_px)
        color_shape = (self.info.color.height_px, self.info.color.width_px, 3)
        depth = np.frombuffer(self._read(2 * depth_shape[0] * depth_shape[1]), "<u2")
        color = np.frombuffer(self._read(3 * color_shape[0] * color_shape[1]), np.uint8)
        return RawFrame(number, stamp, depth.reshape(depth_shape), color.reshape(color_shape))

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._connection.close()

    def _read(self, count: int) -> bytearray:
        """Return exactly `count` bytes."""
        data = bytearray(count)
        view, deadline = memoryview(data), time.monotonic() + self._timeout
        while view:
            try:
                received = self._connection.recv_into(view)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise DeviceTimeoutError(
                        f"the server sent {count - len(view)} of {count} bytes within"
                        f" {self._timeout} s"
                    ) from None
                continue
            except OSError as error:
                raise DeviceError(f"the connection failed ({error})") from error
            if not received:
                raise DeviceError("the server closed the connection")
            view = view[received:]
        return data
