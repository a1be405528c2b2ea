"""A camera on USB is chosen, checked and set; librealsense's software devices stand for cameras."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from realsense_rig import MODEL, camera_config, require_librealsense

from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.device_source import DeviceSource
from equigrasp.hardware.realsense.pipeline import Pipeline
from equigrasp.hardware.realsense.software_camera import SoftwareCamera
from equigrasp.hardware.realsense.wire import RawFrame, StreamInfo

SIZE = (MODEL.width_px, MODEL.height_px)
OPTIONS = {"depth_size_px": SIZE, "color_size_px": SIZE, "visual_preset": ""}


class Plugged(DeviceSource):
    """Finds what is given to it instead of what is on USB."""

    def __init__(self, cameras: list[SoftwareCamera], **options: Any) -> None:
        super().__init__(RealSenseConfig(**(OPTIONS | options)))
        self.cameras = cameras

    def _devices(self) -> list[Any]:
        return [camera.device for camera in self.cameras]


@pytest.fixture
def make_camera() -> Callable[..., SoftwareCamera]:
    require_librealsense()

    def make(serial: str = "f1", **options: Any) -> SoftwareCamera:
        return SoftwareCamera(StreamInfo(serial, MODEL, MODEL, name="D435", **options))

    return make


MakeCamera = Callable[..., SoftwareCamera]


def test_the_only_camera_streams_at_the_wanted_size(make_camera: MakeCamera) -> None:
    camera = make_camera()
    source = Plugged([camera])
    pipeline = Pipeline(source, camera_config(), RealSenseConfig(**OPTIONS))
    pipeline.open()
    assert pipeline.name == "D435 (serial f1)"
    assert pipeline.serial == "f1"
    depth = np.full((48, 64), 1234, np.uint16)
    camera.put(RawFrame(7, time.time(), depth, np.zeros((48, 64, 3), np.uint8)))
    arrival = pipeline.read(1.0)
    assert arrival is not None and arrival.numbers == (7, 7)
    assert pipeline.images(arrival.frames)[0] == pytest.approx(1.234, abs=1e-6)
    pipeline.close()


def test_of_two_cameras_the_serial_number_chooses(make_camera: MakeCamera) -> None:
    cameras = [make_camera("f1"), make_camera("f2")]
    with pytest.raises(DeviceError, match=r"Several .*serial f1.*serial f2.*Name its serial"):
        Plugged(cameras).open()
    assert Plugged(cameras, serial="f2").open().name == "D435 (serial f2)"


def test_no_camera_and_the_wrong_camera_are_told_apart(make_camera: MakeCamera) -> None:
    with pytest.raises(DeviceError, match="No RealSense is connected"):
        Plugged([]).open()
    with pytest.raises(DeviceError, match=r"serial number f9. Connected: D435 \(serial f1\)"):
        Plugged([make_camera()], serial="f9").open()
    with pytest.raises(DeviceError, match="serial number f9. Connected: none"):
        Plugged([], serial="f9").open()


def test_a_size_that_the_camera_lacks_is_answered_with_those_it_has(
    make_camera: MakeCamera,
) -> None:
    cameras = [make_camera()]
    with pytest.raises(
        DeviceError, match="no depth stream of 848x480 at 30 Hz. It has: 64x48 at 30 Hz"
    ):
        Plugged(cameras, depth_size_px=(848, 480)).open()
    with pytest.raises(DeviceError, match="no color stream of 32x48 at 30 Hz"):
        Plugged(cameras, color_size_px=(32, 48)).open()


def test_usb_2_is_refused(make_camera: MakeCamera) -> None:
    with pytest.raises(DeviceError, match=r"serial f1\) is on a USB 2.1 port.*USB 3"):
        Plugged([make_camera(usb_type="2.1")]).open()


def test_global_time_and_the_preset_are_set(make_camera: MakeCamera) -> None:
    rs = require_librealsense()
    camera = make_camera()
    sensor = camera.device.first_depth_sensor()
    for option, top in ((rs.option.global_time_enabled, 1.0), (rs.option.visual_preset, 6.0)):
        spread = rs.option_range()
        spread.min, spread.max, spread.step, spread.default = 0.0, top, 1.0, 0.0
        camera._depth_sensor.add_option(option, spread, True)
    Plugged([camera], visual_preset="high_accuracy").open()
    assert sensor.get_option(rs.option.global_time_enabled) == 1.0
    assert sensor.get_option(rs.option.visual_preset) == int(rs.rs400_visual_preset.high_accuracy)


def test_an_unplugged_camera_is_noticed_by_its_own_event_only(make_camera: MakeCamera) -> None:
    class Event:
        def __init__(self, gone: object) -> None:
            self._gone = gone

        def was_removed(self, device: object) -> bool:
            return device is self._gone

    camera, other = make_camera(), make_camera("f2")
    source = Plugged([camera])
    source._on_change(Event(camera.device))
    source.open()
    assert source.problem() == ""
    source._on_change(Event(other.device))
    assert source.problem() == ""
    source._on_change(Event(camera.device))
    assert source.problem() == "D435 (serial f1) was unplugged"
    source.open()
    assert source.problem() == ""
