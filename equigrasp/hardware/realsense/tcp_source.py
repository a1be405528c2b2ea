"""Frames of another process, fed into librealsense's software device."""

import socket
import threading

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.hardware.realsense.software_camera import SoftwareCamera
from equigrasp.hardware.realsense.source import Opened, Source, choose_device, describe
from equigrasp.hardware.realsense.wire import FrameReader


class TcpSource(Source):
    """Connects to a frame server; sizes, rate and intrinsics are the server's."""

    def __init__(self, config: RealSenseConfig) -> None:
        self._config = config
        self._rs = import_realsense()
        self._reader: FrameReader | None = None
        self._camera: SoftwareCamera | None = None
        self._thread: threading.Thread | None = None
        self._is_closing = threading.Event()
        self._problem = ""

    def open(self) -> Opened:
        host, port = self._config.address
        timeout = self._config.connect_timeout
        self._is_closing.clear()
        self._problem = ""
        try:
            connection = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise DeviceTimeoutError(
                f"No frame server at {host}:{port} within {timeout} s ({error})."
            ) from error
        try:
            self._reader = FrameReader(connection, timeout)
        except DeviceError as error:
            connection.close()
            raise type(error)(f"The frame server at {host}:{port}: {error}") from error
        self._camera = SoftwareCamera(self._reader.info)
        context = self._rs.context()
        self._camera.device.add_to(context)
        config, device = self._config, self._camera.device
        choose_device(self._rs, [device], config.serial, config.allow_usb2)
        pipeline = self._rs.pipeline(context)
        pipeline.set_device(device)
        return Opened(pipeline, self._rs.config(), describe(self._rs, device))

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._feed, name="frame feed", daemon=True)
        self._thread.start()

    def problem(self) -> str:
        return self._problem

    def end(self) -> None:
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._camera = None

    def _feed(self) -> None:
        assert self._reader is not None and self._camera is not None
        host, port = self._config.address
        try:
            while not self._is_closing.is_set():
                frame = self._reader.read()
                if frame is not None:
                    self._camera.put(frame)
        except (DeviceError, RuntimeError) as error:  # the library raises RuntimeError
            self._problem = f"the frame server at {host}:{port} is gone: {error}"
