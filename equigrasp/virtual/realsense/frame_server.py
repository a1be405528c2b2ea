"""Serves a camera's frames over TCP, at a camera's rate and with a camera's faults."""

import collections
import contextlib
import logging
import selectors
import socket
import threading
import time

import numpy as np

from equigrasp.devices.camera import Camera
from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.wire import RawFrame, StreamInfo, pack_frame, pack_info

_logger = logging.getLogger(__name__)
_SEND_TIMEOUT = 1.0  # [s] after which a client that does not read is dropped
_MAX_COUNTS = 65535  # of a Z16 pixel


class FrameServer:
    """Serves any number of clients from `start()` to `close()`; a context manager that does both.

    The camera is connected by `start()`, and looks only while somebody listens. Frames are stamped
    with the wall clock just before each look.

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
        self._camera, self._period = camera, 1.0 / rate
        self.info = info or StreamInfo("virtual", camera.model, camera.model, max(1, round(rate)))
        self.host, self.port = host, port
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
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._clients: list[socket.socket] = []
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def source(self) -> str:
        """The `source` with which a driver reaches this server, once started."""
        return f"tcp://{self.host}:{self.port}"

    def start(self) -> None:
        """Begin to serve; raise `DeviceError` if the port is taken."""
        self._camera.connect()
        self.plug()
        self._thread = threading.Thread(target=self._run, name="frame server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; may be called twice. The camera stays connected."""
        self._is_ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.unplug()

    def __enter__(self) -> "FrameServer":
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def unplug(self) -> None:
        """Fault: drop every client and be out of reach until `plug()`."""
        with self._lock:
            for client in list(self._clients):
                self._drop(client)
            if self._listener is not None:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None

    def plug(self) -> None:
        """Be reachable, as at first or after `unplug()`."""
        with self._lock:
            if self._listener is None:
                try:
                    self._listener = socket.create_server((self.host, self.port))
                except OSError as error:
                    raise DeviceError(
                        f"Cannot serve frames at {self.host}:{self.port}: {error}. Port 0 takes a free one."
                    ) from error
                self.port = self._listener.getsockname()[1]
                self._selector.register(self._listener, selectors.EVENT_READ)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._is_ending.is_set():
            self._attend(max(0.0, min(due - time.monotonic(), self._period)))
            now = time.monotonic()
            if now >= due:
                due = max(due + self._period, now)  # a slow camera gives fewer frames, no bursts
                self._take(now)
            self._send_due()

    def _attend(self, timeout: float) -> None:
        """Greet who comes and forget who leaves."""
        if not self._selector.get_map():
            self._is_ending.wait(timeout)
            return
        for key, _ in self._selector.select(timeout):
            with self._lock:
                if key.fileobj is self._listener and self._listener is not None:
                    client, _ = self._listener.accept()
                    client.settimeout(_SEND_TIMEOUT)
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._clients.append(client)
                    self._selector.register(client, selectors.EVENT_READ)
                    self._send(client, pack_info(self.info))
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                    self._drop(key.fileobj)  # a driver never writes: it has gone

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

    def _drop(self, client: socket.socket) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(client)
        self._clients.remove(client)
        client.close()


def to_counts(depth: np.ndarray, depth_units: float) -> np.ndarray:
    """Return a depth image [m] as Z16 counts, uint16; 0 where it is not finite or out of range."""
    counts = np.rint(np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0) / depth_units)
    return np.where((counts >= 0) & (counts <= _MAX_COUNTS), counts, 0).astype(np.uint16)
