"""A RealSense depth camera in SI units."""

import logging
import threading
import time

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import CameraConfig
from equigrasp.errors import DeviceError, DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.filters import temporal_median
from equigrasp.hardware.realsense.freshness import Freshness
from equigrasp.hardware.realsense.make import make_source
from equigrasp.hardware.realsense.pipeline import Arrival, Pipeline
from equigrasp.perception.camera_model import CameraModel

_logger = logging.getLogger(__name__)
_TICK = 0.1  # [s] between looks whether the camera is to be let go
_SILENCE = 3.0  # [s] without a new frame after which the stream is started anew


class _Request:
    """Frames that a caller waits for."""

    def __init__(self, count: int) -> None:
        self.asked, self.began = time.time(), time.monotonic()
        self.count = count
        self.frames: list[CameraFrame] = []

    @property
    def is_full(self) -> bool:
        return len(self.frames) == self.count

    def accepts(self, arrival: Arrival) -> bool:
        # Both clocks: the wall clock may have been set back in between.
        is_later = arrival.stamp >= self.asked and arrival.arrived >= self.began
        return is_later and not self.is_full


class RealSenseCamera(Camera):
    """Streams in a thread of its own; a frame is filtered and aligned only if somebody wants it.

    Before `connect()` the intrinsics are those of the cell's configuration, afterwards the
    device's own, which may differ by `focal_tolerance`. Frames are stamped with the wall clock,
    that of ROS. A camera that is lost is looked for in the background.

    Args:
        camera: Name, pose, region of interest.
        driver: How the RealSense is reached and set.
    """

    def __init__(self, camera: CameraConfig, driver: RealSenseConfig) -> None:
        self._camera, self._driver = camera, driver
        self._model, self._pose = camera.model, camera.pose
        self._condition = threading.Condition()
        self._capture_lock = threading.Lock()
        self._request: _Request | None = None
        self._freshness = Freshness()
        self._name = f"Camera '{camera.name}'"
        self._serial = ""
        self._trouble = ""  # why no frames come, empty while they do
        self._is_streaming = threading.Event()
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def model(self) -> CameraModel:
        return self._model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return self._pose

    @property
    def serial(self) -> str:
        return self._serial

    def connect(self) -> None:
        """Find the camera and wait for its first frame.

        Raises:
            ImportError: if pyrealsense2 is missing.
            DeviceTimeoutError: if a server does not answer, or no frame comes in time.
            DeviceError: if there is no such camera, or it cannot do what is wanted.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        self.disconnect()  # a thread that has given up
        pipeline = Pipeline(make_source(self._driver), self._camera, self._driver)
        self._open(pipeline)
        self._is_closing.clear()
        self._is_streaming.clear()
        self._freshness, self._trouble = Freshness(), ""
        self._thread = threading.Thread(
            target=self._run, args=[pipeline], name=f"camera {self._camera.name}", daemon=True
        )
        self._thread.start()
        if pipeline.source.waits_to_be_asked:
            return
        if not self._is_streaming.wait(self._driver.connect_timeout):
            self.disconnect()
            raise DeviceTimeoutError(
                f"{pipeline.name} gave no frame within {self._driver.connect_timeout} s."
            )

    def disconnect(self) -> None:
        self._is_closing.set()
        with self._condition:
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def capture(self) -> CameraFrame:
        """Return a frame taken after this call began, or the median of several.

        The stamp is that of the first frame of a median, its colour that of the last.

        Raises:
            NotConnectedError: if the camera is unplugged, its server gone or its recording over.
            DeviceTimeoutError: if no fresh frame comes within `frame_timeout`.
        """
        with self._capture_lock, self._condition:
            request = self._request = _Request(self._driver.median_frames)
            self._condition.notify_all()
            try:
                for num_wanted in range(1, request.count + 1):
                    self._wait_for(request, num_wanted)
            finally:
                self._request = None
        first, last = request.frames[0], request.frames[-1]
        depth = temporal_median([frame.depth for frame in request.frames])
        return CameraFrame(first.stamp, depth, last.color)

    def _wait_for(self, request: _Request, num_wanted: int) -> None:
        deadline = time.monotonic() + self._driver.frame_timeout
        while len(request.frames) < num_wanted:
            self._require_stream()
            if not self._condition.wait(max(0.0, min(_TICK, deadline - time.monotonic()))):
                if time.monotonic() >= deadline:
                    raise DeviceTimeoutError(
                        f"{self._name} gave no fresh frame within"
                        f" {self._driver.frame_timeout} s: {self._freshness.explain(request.asked)}."
                    )

    def _require_stream(self) -> None:
        if self._thread is None or self._is_closing.is_set():
            raise NotConnectedError(f"Camera '{self._camera.name}' is not connected.")
        if self._trouble:
            raise NotConnectedError(f"{self._name} is lost: {self._trouble}.")

    def _run(self, pipeline: Pipeline) -> None:
        """Stream, and start anew whenever that fails, until the camera is let go."""
        lost = time.monotonic()
        while not self._is_closing.is_set():
            try:
                if pipeline.model is None:
                    self._open(pipeline)
                    self._freshness.restart()
                self._stream(pipeline)
            except DeviceError as error:
                if not self._trouble:
                    lost = time.monotonic()
                    _logger.error("%s is lost: %s", self._name, error)
                self._report(str(error))
                pipeline.close()
                if not pipeline.source.can_return:
                    break
                if time.monotonic() - lost > self._driver.reconnect_timeout:
                    timeout = self._driver.reconnect_timeout
                    self._report(f"{error}; given up after {timeout} s, connect again")
                    _logger.error("%s is given up.", self._name)
                    break
                self._is_closing.wait(self._driver.reconnect_interval)
        pipeline.close()

    def _open(self, pipeline: Pipeline) -> None:
        pipeline.open()
        assert pipeline.model is not None
        self._model, self._serial = pipeline.model, pipeline.serial
        self._name = f"Camera '{self._camera.name}', {pipeline.name},"

    def _stream(self, pipeline: Pipeline) -> None:
        """Take frames until the camera is let go; raise `DeviceError` when no more come."""
        while not self._is_closing.is_set():
            if pipeline.source.waits_to_be_asked and not self._is_wanted():
                continue
            arrival = pipeline.read(_TICK)
            if arrival is not None and self._freshness.is_new(arrival):
                self._take(pipeline, arrival)
            elif problem := pipeline.source.problem():
                raise DeviceError(problem)
            elif self._freshness.silence > _SILENCE and not pipeline.source.waits_to_be_asked:
                why = self._freshness.explain(time.time())
                raise DeviceError(f"{pipeline.name} gave no new frame for {_SILENCE} s: {why}")

    def _is_wanted(self) -> bool:
        with self._condition:
            if self._request is None or self._request.is_full:
                self._condition.wait(_TICK)
            return self._request is not None and not self._request.is_full

    def _take(self, pipeline: Pipeline, arrival: Arrival) -> None:
        """Give a frame to whoever waits for it."""
        with self._condition:
            request = self._request
            if self._trouble:
                _logger.warning("%s is back.", self._name)
            self._trouble = ""
        self._is_streaming.set()
        is_wanted = request is not None and request.accepts(arrival)
        if not is_wanted and not pipeline.has_memory:
            return
        depth, color = pipeline.images(arrival.frames)
        if request is not None and is_wanted:
            with self._condition:
                request.frames.append(CameraFrame(arrival.stamp, depth, color))
                self._condition.notify_all()

    def _report(self, trouble: str) -> None:
        with self._condition:
            self._trouble = trouble.rstrip(".")
            self._condition.notify_all()
