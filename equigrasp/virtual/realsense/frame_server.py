"""Serves a camera's frames over TCP, at a camera's rate and with a camera's faults."""

import collections
import logging
import socket
import time

import numpy as np

from equigrasp.devices.camera import Camera
from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.wire import RawFrame, StreamInfo, pack_frame, pack_info
from equigrasp.virtual.tcp_server import TcpServer

_logger = logging.getLogger(__name__)
_SEND_TIMEOUT = 1.0  # [s] after which a client that does not read is dropped
_MAX_COUNTS = 65535  # of a Z16 pixel


class FrameServer(TcpServer):
    """The camera is connected by `start()`, stays so, and looks only while somebody listens.

    Frames are stamped with the wall clock just before each look.

    Args:
        camera: What to serve.
        port: TCP port on the loopback; 0 takes a free one, which `port` then names.
        rate: Frames per second [Hz].
        info: What the camera says of itself; None: its own intrinsics for both images.
        host: Loopback address to listen at.

    Attributes:
        is_frozen: Fault: the same frame, with its number and time, again and again.
        is_blind: Fault: no pixel has a depth. (Z16 has no NaN: a NaN of the camera becomes 0.)
        drop_every: Fault: every n-th frame is lost on the way; 0: none.
        delay: Fault: every frame arrives this much later [s].
        clock_offset: Fault: the camera's clock is this much ahead of the wall clock [s].
        is_reordered: Fault: of two frames the later one arrives first.
        num_frames: Frames sent so far.
    """

    def __init__(
        self,
        camera: Camera,
        port: int = 0,
        rate: float = 15.0,
        info: StreamInfo | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(host, port)
        self._camera, self._period = camera, 1.0 / rate
        self.info = info or StreamInfo("virtual", camera.model, camera.model, max(1, round(rate)))
        self.is_frozen = False
        self.is_blind = False
        self.drop_every = 0
        self.delay = 0.0
        self.clock_offset = 0.0
        self.is_reordered = False
        self.num_frames = 0
        self._number = 0
        self._last: bytes | None = None
        self._held_back: bytes | None = None  # until the next frame has left
        self._late: collections.deque[tuple[float, bytes]] = collections.deque()
        self._due = 0.0  # [s] steady clock, of the next frame

    @property
    def source(self) -> str:
        """The `source` with which a driver reaches this server, once started."""
        return f"tcp://{self.host}:{self.port}"

    def start(self) -> None:
        self._camera.connect()
        super().start()

    def _serve(self) -> None:
        left = self._due - time.monotonic()
        for client, is_new in self._heard(max(0.0, min(left, self._period))):
            if is_new:
                client.settimeout(_SEND_TIMEOUT)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._send(client, pack_info(self.info))
            else:  # a driver never writes: it has gone
                self._drop(client)
        now = time.monotonic()
        if now >= self._due:  # a slow camera gives fewer frames, no bursts
            self._due = max(self._due + self._period, now)
            self._take(now)
        self._send_due()

    def _take(self, now: float) -> None:
        """Look, and put the frame on its way."""
        if not self._clients:
            return
        self._number += 1
        if not (self.is_frozen and self._last):
            stamp = time.time() + self.clock_offset
            try:
                frame = self._camera.capture()
            except DeviceError as error:
                _logger.warning("No frame to serve: %s", error)
                return
            depth = np.zeros_like(frame.depth) if self.is_blind else frame.depth
            counts = to_counts(depth, self.info.depth_units)
            self._last = pack_frame(RawFrame(self._number, stamp, counts, frame.color))
        if self.drop_every and self._number % self.drop_every == 0:
            return
        if self.is_reordered and self._held_back is None:
            self._held_back = self._last
            return
        for data in (self._last, self._held_back):
            if data is not None:
                self._late.append((now + self.delay, data))
        self._held_back = None

    def _send_due(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, data = self._late.popleft()
            self.num_frames += 1
            with self._lock:
                for client in list(self._clients):
                    self._send(client, data)

    def _send(self, client: socket.socket, data: bytes) -> None:
        try:
            client.sendall(data)
        except OSError:
            self._drop(client)


def to_counts(depth: np.ndarray, depth_units: float) -> np.ndarray:
    """Return a depth image [m] as Z16 counts, uint16; 0 where it is not finite or out of range."""
    counts = np.rint(np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0) / depth_units)
    return np.where((counts >= 0) & (counts <= _MAX_COUNTS), counts, 0).astype(np.uint16)
