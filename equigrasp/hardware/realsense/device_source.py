"""A camera on USB."""

import logging
from typing import Any

from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.hardware.realsense.source import (
    Opened,
    Source,
    choose_device,
    describe,
    require_streams,
)

_logger = logging.getLogger(__name__)


class DeviceSource(Source):
    """The RealSense with the serial number that is wanted, or the only one."""

    def __init__(self, config: RealSenseConfig) -> None:
        self._config = config
        self._rs = import_realsense()
        # Kept for good: its callback tells of unplugging only while it lives.
        self._context = self._rs.context()
        self._device: Any = None
        self._name = ""
        self._is_gone = False
        self._context.set_devices_changed_callback(self._on_change)

    def open(self) -> Opened:
        rs, wanted = self._rs, self._config
        device = choose_device(rs, self._devices(), wanted.serial, wanted.allow_usb2)
        sizes = (
            (rs.stream.depth, rs.format.z16, wanted.depth_size_px),
            (rs.stream.color, rs.format.rgb8, wanted.color_size_px),
        )
        require_streams(rs, device, {(s, f): (*size, wanted.rate) for s, f, size in sizes})
        self._name, self._is_gone = describe(rs, device), False
        self._set_options(device)
        self._device = device
        pipeline, config = rs.pipeline(self._context), rs.config()
        pipeline.set_device(device)
        for stream, form, (width, height) in sizes:
            config.enable_stream(stream, width, height, form, wanted.rate)
        return Opened(pipeline, config, self._name)

    def begin(self) -> None:
        """Nothing to do: the camera sends by itself."""

    def end(self) -> None:
        """Nothing to do: the camera sends by itself."""

    def problem(self) -> str:
        return f"{self._name} was unplugged" if self._is_gone else ""

    def close(self) -> None:
        self._device = None

    def _devices(self) -> list[Any]:
        return list(self._context.query_devices())

    def _on_change(self, event: Any) -> None:
        if self._device is not None and event.was_removed(self._device):
            self._is_gone = True

    def _set_options(self, device: Any) -> None:
        rs, preset = self._rs, self._config.visual_preset
        for sensor in device.query_sensors():
            if sensor.supports(rs.option.global_time_enabled):
                sensor.set_option(rs.option.global_time_enabled, 1.0)
        sensor = device.first_depth_sensor()
        if preset and sensor.supports(rs.option.visual_preset):
            value = getattr(rs.rs400_visual_preset, preset)
            try:
                sensor.set_option(rs.option.visual_preset, float(int(value)))
            except RuntimeError as error:
                raise DeviceError(
                    f"{self._name} refuses visual_preset '{preset}': {error}. Leave it empty to"
                    " keep what the camera is set to."
                ) from error
        elif preset:
            _logger.warning("%s has no presets; '%s' is ignored.", self._name, preset)
