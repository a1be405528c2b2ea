"""librealsense's pipeline, from its start to images in metres."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from equigrasp.devices.cell import CameraConfig
from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.filters import make_filters
from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.hardware.realsense.region import Region, check_focal_length, find_region
from equigrasp.hardware.realsense.source import Source, info
from equigrasp.hardware.realsense.stamps import StampClock
from equigrasp.hardware.realsense.wire import IDENTITY
from equigrasp.perception.camera_model import CameraModel

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Arrival:
    """A pair of images that came in, still the library's.

    Args:
        frames: The library's frameset.
        numbers: Frame numbers of depth and colour, each counted by its own sensor.
        stamp: Time of acquisition of the older of the two [unix s].
        arrived: When it came in, steady clock [s].
    """

    frames: Any
    numbers: tuple[int, int]
    stamp: float
    arrived: float


class Pipeline:
    """Streams from a source, between `open` and `close`; for one thread at a time.

    Args:
        source: Where frames come from.
        camera: The cell's camera: the region of interest and its focal length.
        config: Everything else.

    Attributes:
        name: Product and serial number, once opened.
        serial: Serial number, once opened.
        model: Intrinsics of the region of interest, once opened.
    """

    def __init__(self, source: Source, camera: CameraConfig, config: RealSenseConfig) -> None:
        self._rs = import_realsense()
        self.source, self._camera, self._config = source, camera, config
        self.name = self.serial = ""
        self.model: CameraModel | None = None
        self._pipeline: Any = None
        self._region = Region(0, 0, 0, 0)
        self._blocks: list[Any] = []  # of the library, one after the other

    @property
    def has_memory(self) -> bool:
        """Whether a frame's images depend on the frames before it."""
        return self._config.filters.use_temporal

    def open(self) -> None:
        """Find the device and stream.

        Raises:
            DeviceError: if there is none, or it cannot do what is wanted.
        """
        try:
            opened = self.source.open()
            self.name = opened.name
            self._record(opened.config)
            profile = opened.pipeline.start(opened.config)
            self._pipeline = opened.pipeline
            self.serial = info(profile.get_device(), self._rs.camera_info.serial_number)
            self._look_at(profile)
            self.source.begin()
        except RuntimeError as error:
            self.close()
            raise DeviceError(f"{self.name or 'RealSense'} does not stream: {error}") from error
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Stop streaming; may be called twice."""
        self.source.end()
        if self._pipeline is not None:
            try:
                self._pipeline.stop()
            except RuntimeError as error:
                _logger.warning("%s does not stop: %s", self.name, error)
            self._pipeline = None
        self.model = None
        self.source.close()

    def read(self, timeout: float) -> Arrival | None:
        """Return the next pair of images, or None if none comes in time [s].

        Raises:
            DeviceError: if the library gives up.
        """
        try:
            has_frames, frames = self._pipeline.try_wait_for_frames(int(timeout * 1e3))
        except RuntimeError as error:
            raise DeviceError(f"{self.name} stopped: {error}") from error
        if not has_frames:
            return None
        pair = frames.get_depth_frame(), frames.get_color_frame()
        if not all(pair):
            return None
        arrived, stamp = time.monotonic(), time.time()
        if self.source.has_own_time:
            stamp = min(
                clock.unix_time(f.get_timestamp(), f.get_frame_timestamp_domain().name, stamp)
                for clock, f in zip(self._clocks, pair, strict=True)
            )
        numbers = pair[0].get_frame_number(), pair[1].get_frame_number()
        return Arrival(frames, numbers, stamp, arrived)

    def images(self, frames: Any) -> tuple[np.ndarray, np.ndarray]:
        """Filter and align a pair of images.

        Returns:
            Depth, shape (H, W), float32 [m], 0: no measurement; colour, shape (H, W, 3), uint8.

        Raises:
            DeviceError: if the library fails.
        """
        try:
            for block in self._blocks:
                frames = block.process(frames).as_frameset()
        except RuntimeError as error:
            raise DeviceError(f"{self.name}'s images cannot be processed: {error}") from error
        depth, color = frames.get_depth_frame(), frames.get_color_frame()
        counts = self._region.cut(np.asanyarray(depth.get_data()))
        pixels = self._region.cut(np.asanyarray(color.get_data()))
        return counts.astype(np.float32) * np.float32(depth.get_units()), pixels.copy()

    def _record(self, config: Any) -> None:
        if not self._config.record_to:
            return
        path = wanted = Path(self._config.record_to)
        number = 1
        while path.exists():  # of an earlier run, or from before a reconnection
            number += 1
            path = wanted.with_stem(f"{wanted.stem}_{number}")
        config.enable_record_to_file(str(path))

    def _look_at(self, profile: Any) -> None:
        """Take over what the device says of its images."""
        rs, config = self._rs, self._config
        target = rs.stream.color if config.align_to == "color" else rs.stream.depth
        stream = profile.get_stream(target).as_video_stream_profile()
        i = stream.intrinsics
        if np.abs(i.coeffs).max() > 1e-6:
            _logger.warning(
                "The %s image of %s is distorted (%s); that is ignored. align_to: depth has none.",
                config.align_to, self.name, i.coeffs,
            )  # fmt: skip
        whole = CameraModel(i.width, i.height, i.fx, i.fy, i.ppx, i.ppy)
        check_focal_length(whole, self._camera, config.focal_tolerance)
        self._region = find_region(whole, self._camera, config.region_offset_px)
        self.model = self._region.model(whole)
        period = 1.0 / max(1, stream.fps())
        self._clocks = StampClock(period), StampClock(period)  # of depth and of colour
        self._blocks = make_filters(rs, config.filters)
        if config.filters.decimation > 1 or not _is_aligned(rs, profile):
            self._blocks.append(rs.align(target))


def _is_aligned(rs: Any, profile: Any) -> bool:
    """Tell whether depth and colour are one view already.

    Then nothing is to be aligned. The library would do it all the same, and its rounding leaves
    some 4 % of the pixels without depth.
    """
    depth = profile.get_stream(rs.stream.depth).as_video_stream_profile()
    color = profile.get_stream(rs.stream.color).as_video_stream_profile()
    d, c, e = depth.intrinsics, color.intrinsics, depth.get_extrinsics_to(color)
    is_one_camera = (d.width, d.height, d.fx, d.fy, d.ppx, d.ppy, list(d.coeffs)) == (
        c.width, c.height, c.fx, c.fy, c.ppx, c.ppy, list(c.coeffs)
    )  # fmt: skip
    return is_one_camera and list(e.rotation) == list(IDENTITY) and not any(e.translation)
