"""librealsense's software device: a camera whose frames are put in by hand."""

from typing import Any

from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.hardware.realsense.wire import RawFrame, StreamInfo
from equigrasp.perception.camera_model import CameraModel

_DEPTH_UID, _COLOR_UID = 1, 2
# Of a D435 [mm]; librealsense's spatial and temporal filters work on disparity, which needs one.
_BASELINE_MM = 50.0


class SoftwareCamera:
    """A depth and a colour sensor that the library takes for a camera's.

    Args:
        info: What the camera is.

    Attributes:
        device: The library's device.
    """

    def __init__(self, info: StreamInfo) -> None:
        self._rs = rs = import_realsense()
        self.device = rs.software_device()
        for key, value in (
            (rs.camera_info.name, info.name),
            (rs.camera_info.serial_number, info.serial),
            (rs.camera_info.usb_type_descriptor, info.usb_type),
        ):
            self.device.register_info(key, value)
        self._depth_sensor = self.device.add_sensor("Stereo Module")
        self._color_sensor = self.device.add_sensor("RGB Camera")
        self._depth_sensor.add_read_only_option(rs.option.depth_units, info.depth_units)
        self._depth_sensor.add_read_only_option(rs.option.stereo_baseline, _BASELINE_MM)
        self._depth = self._depth_sensor.add_video_stream(
            self._stream(rs.stream.depth, _DEPTH_UID, info.depth, info.rate, 2, rs.format.z16),
            True,
        ).as_video_stream_profile()
        self._color = self._color_sensor.add_video_stream(
            self._stream(rs.stream.color, _COLOR_UID, info.color, info.rate, 3, rs.format.rgb8),
            True,
        ).as_video_stream_profile()
        extrinsics = rs.extrinsics()
        extrinsics.rotation = list(info.rotation)
        extrinsics.translation = list(info.translation)
        self._depth.register_extrinsics_to(self._color, extrinsics)
        self.device.create_matcher(rs.matchers.default)
        self._units = info.depth_units

    def put(self, frame: RawFrame) -> None:
        """Hand a pair of images to the library; it is lost unless somebody streams."""
        for sensor, profile, pixels, size in (
            (self._depth_sensor, self._depth, frame.depth, 2),
            (self._color_sensor, self._color, frame.color, 3),
        ):
            image = self._rs.software_video_frame()  # a new one: the library owns its pixels
            image.pixels = pixels
            image.bpp, image.stride = size, size * pixels.shape[1]
            image.timestamp = frame.stamp * 1e3  # [ms]
            image.domain = self._rs.timestamp_domain.global_time
            image.frame_number = frame.number
            image.profile = profile
            image.depth_units = self._units
            sensor.on_video_frame(image)

    def _stream(
        self, kind: Any, uid: int, model: CameraModel, rate: int, size: int, form: Any
    ) -> Any:
        intrinsics = self._rs.intrinsics()
        intrinsics.width, intrinsics.height = model.width_px, model.height_px
        intrinsics.fx, intrinsics.fy = model.fx_px, model.fy_px
        intrinsics.ppx, intrinsics.ppy = model.cx_px, model.cy_px
        intrinsics.model = self._rs.distortion.none
        stream = self._rs.video_stream()
        stream.type, stream.index, stream.uid = kind, 0, uid
        stream.width, stream.height, stream.fps = model.width_px, model.height_px, rate
        stream.bpp, stream.fmt, stream.intrinsics = size, form, intrinsics
        return stream
