"""The driver over librealsense's software device: the library's own pipeline, syncer and alignment."""

import dataclasses
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from realsense_rig import (
    MODEL,
    RATE,
    MakeRig,
    PaintedCamera,
    Rig,
    camera_config,
    require_librealsense,
    wait_until,
)

from equigrasp.errors import DeviceError, DeviceTimeoutError, NotConnectedError
from equigrasp.hardware.realsense import camera as camera_module
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.config import FilterConfig, RealSenseConfig
from equigrasp.hardware.realsense.wire import StreamInfo
from equigrasp.perception.camera_model import CameraModel

INFO = StreamInfo("f0001", MODEL, MODEL, rate=round(RATE))


def test_depth_and_colour_come_through_unchanged(rig: Rig) -> None:
    frame = rig.camera.capture()
    assert np.abs(frame.depth - rig.scene.depth).max() < 1e-6
    assert (frame.color == rig.scene.color).all()
    assert frame.depth.dtype == np.float32 and frame.color.dtype == np.uint8


def test_a_finer_depth_unit_gives_finer_depths(make_rig: MakeRig) -> None:
    rig = make_rig(info=dataclasses.replace(INFO, depth_units=1e-4))
    rig.scene.depth[:] = 1.23456
    rig.camera.connect()
    assert rig.camera.capture().depth == pytest.approx(1.2346, abs=1e-6)


def test_every_frame_was_taken_after_it_was_asked_for(rig: Rig) -> None:
    for level in range(20):
        rig.scene.depth = np.full_like(rig.scene.depth, 1.0 + 0.01 * level)
        asked = time.time()
        frame = rig.camera.capture()
        assert asked <= frame.stamp <= time.time()
        assert frame.depth[5, 5] == pytest.approx(1.0 + 0.01 * level, abs=1e-6)


def test_a_wall_clock_that_is_set_back_brings_no_old_frame(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = SimpleNamespace(time=lambda: time.time() - 100.0, monotonic=time.monotonic)
    monkeypatch.setattr(camera_module, "time", wrong)
    taken, capture = [], rig.scene.capture
    monkeypatch.setattr(rig.scene, "capture", lambda: taken.append(time.time()) or capture())
    for _ in range(2):
        taken.clear()
        wait_until(lambda: len(taken) > 15, "frames that nobody asked for")
        under_way = taken[-6]  # at most so many were, when this one was asked for
        assert rig.camera.capture().stamp > under_way


def test_intrinsics_are_the_configured_ones_until_the_device_tells_its_own(
    make_rig: MakeRig,
) -> None:
    told = CameraModel(64, 48, 61.5, 62.0, 30.25, 24.5)
    rig = make_rig(
        scene=PaintedCamera(told), info=dataclasses.replace(INFO, depth=told, color=told)
    )
    assert rig.camera.model.fy_px == pytest.approx(60.0)
    rig.camera.connect()
    found = rig.camera.model
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(told), abs=1e-4)


def test_a_focal_length_unlike_the_configured_one_is_refused(make_rig: MakeRig) -> None:
    told = CameraModel(64, 48, 80.0, 80.0, 31.5, 23.5)
    rig = make_rig(
        scene=PaintedCamera(told), info=dataclasses.replace(INFO, depth=told, color=told)
    )
    with pytest.raises(DeviceError, match="focal length is 80.0 px.*has 60.0 px.*20%"):
        rig.camera.connect()


def test_the_region_of_interest_is_cut_out(make_rig: MakeRig) -> None:
    rig = make_rig(camera=camera_config(32, 24), region_offset_px=(4, -6))
    rig.camera.connect()
    frame, scene = rig.camera.capture(), rig.scene
    assert np.abs(frame.depth - scene.depth[6:30, 20:52]).max() < 1e-6
    assert (frame.color == scene.color[6:30, 20:52]).all()
    assert (rig.camera.model.width_px, rig.camera.model.height_px) == (32, 24)
    assert rig.camera.model.cx_px == pytest.approx(31.5 - 20)
    assert rig.camera.model.cy_px == pytest.approx(23.5 - 6)


def test_a_region_that_does_not_fit_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig(camera=camera_config(32, 24), region_offset_px=(30, 0))
    with pytest.raises(DeviceError, match=r"32x24 px with offset 30, 0.*64x48"):
        rig.camera.connect()


def test_the_median_takes_out_what_flickers(make_rig: MakeRig) -> None:
    class Flickering(PaintedCamera):
        num_looks = 0

        def capture(self):  # noqa: ANN202
            self.num_looks += 1
            frame = super().capture()
            depth = frame.depth.copy()
            depth[10] = [0.0, 0.7, 1.0][self.num_looks % 3]
            depth[20] = [0.9, 1.1, 1.0][self.num_looks % 3]
            return dataclasses.replace(frame, depth=depth)

    rig = make_rig(scene=Flickering(), median_frames=3)
    rig.camera.connect()
    asked = time.time()
    frame = rig.camera.capture()
    assert frame.stamp >= asked
    assert frame.depth[10] == pytest.approx(0.85, abs=1e-6)
    assert frame.depth[20] == pytest.approx(1.0, abs=1e-6)
    assert np.abs(frame.depth[30] - rig.scene.depth[30]).max() < 1e-6


def test_lost_frames_delay_a_look_and_no_more(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.drop_every = 2
    rig.camera.connect()
    stamps = [rig.camera.capture().stamp for _ in range(10)]
    assert (np.diff(stamps) > 0.0).all()


def test_late_frames_are_not_taken_for_fresh_ones(make_rig: MakeRig) -> None:
    rig = make_rig(frame_timeout=0.8)
    rig.camera.connect()
    rig.server.delay = 0.15
    asked = time.time()
    assert rig.camera.capture().stamp >= asked
    rig.server.delay = 3.0
    time.sleep(0.3)  # until what is on its way has arrived
    with pytest.raises(DeviceTimeoutError, match="no fresh frame within 0.8 s"):
        rig.camera.capture()


def test_a_frozen_camera_is_told_and_comes_back(make_rig: MakeRig) -> None:
    rig = make_rig(frame_timeout=0.3)
    rig.camera.connect()
    rig.server.is_frozen = True
    time.sleep(0.1)
    with pytest.raises(DeviceTimeoutError, match=r"it is frozen: frame \d+ came \d+ times again"):
        rig.camera.capture()
    asked, rig.server.is_frozen = time.time(), False
    wait_until(lambda: _trouble(rig) is None, "the camera")
    assert rig.camera.capture().stamp >= asked


def test_a_camera_that_stays_frozen_is_started_anew(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "_SILENCE", 0.2)
    rig = make_rig(frame_timeout=0.5)
    rig.camera.connect()
    rig.server.is_frozen = True
    wait_until(lambda: _trouble(rig) is NotConnectedError, "the loss")
    with pytest.raises(NotConnectedError, match="gave no new frame for 0.2 s: it is frozen"):
        rig.camera.capture()
    rig.server.is_frozen = False
    wait_until(lambda: _trouble(rig) is None, "the camera")


def test_a_blind_camera_gives_zeros(rig: Rig) -> None:
    rig.server.is_blind = True
    wait_until(lambda: not rig.camera.capture().depth.any(), "a blind frame")
    rig.server.is_blind = False
    wait_until(lambda: bool(rig.camera.capture().depth.all()), "a seeing frame")


def test_an_unplugged_camera_is_named_and_comes_back_by_itself(
    make_rig: MakeRig, wall_clock: Any
) -> None:
    rig = make_rig(info=INFO, serial="f0001")
    rig.camera.connect()
    rig.camera.capture()
    rig.server.unplug()
    wait_until(lambda: _trouble(rig) is NotConnectedError, "the loss")
    with (
        wall_clock.within(1.0),
        pytest.raises(
            NotConnectedError, match=r"'overhead', .*\(serial f0001\), is lost: .*server"
        ),
    ):
        rig.camera.capture()
    rig.scene.depth = np.full_like(rig.scene.depth, 0.5)
    rig.server.plug()
    wait_until(lambda: _trouble(rig) is None, "the camera")
    assert rig.camera.capture().depth == pytest.approx(0.5, abs=1e-6)


def test_a_camera_that_stays_away_is_given_up(make_rig: MakeRig) -> None:
    rig = make_rig(reconnect_timeout=0.2)
    rig.camera.connect()
    rig.server.unplug()
    with pytest.raises(NotConnectedError, match="given up after 0.2 s, connect again"):
        wait_until(lambda: "given up" in _message(rig), "the end")
        rig.camera.capture()
    rig.server.plug()
    rig.camera.connect()
    rig.camera.capture()


def test_the_wrong_serial_number_names_what_is_there(make_rig: MakeRig) -> None:
    rig = make_rig(info=INFO, serial="838212")
    with pytest.raises(DeviceError, match=r"serial number 838212. Connected: .*serial f0001"):
        rig.camera.connect()


def test_usb_2_is_refused_unless_allowed(make_rig: MakeRig) -> None:
    info = dataclasses.replace(INFO, usb_type="2.1")
    with pytest.raises(DeviceError, match=r"f0001\) is on a USB 2.1 port"):
        make_rig(info=info).camera.connect()
    rig = make_rig(info=info, allow_usb2=True)
    rig.camera.connect()
    rig.camera.capture()


def test_a_missing_server_is_named() -> None:
    require_librealsense()
    driver = RealSenseConfig(source="tcp://127.0.0.1:9", connect_timeout=0.5)
    with pytest.raises(DeviceTimeoutError, match="No frame server at 127.0.0.1:9 within 0.5 s"):
        RealSenseCamera(camera_config(), driver).connect()


def test_without_a_camera_on_usb_the_message_says_what_to_look_at() -> None:
    rs = require_librealsense()
    if len(rs.context().query_devices()):
        pytest.skip("a RealSense is connected")
    with pytest.raises(DeviceError, match="No RealSense is connected.*USB 3 port.*udev"):
        RealSenseCamera(camera_config(), RealSenseConfig()).connect()


def test_a_camera_may_be_let_go_twice_and_connected_again(rig: Rig) -> None:
    for _ in range(2):
        rig.camera.disconnect()
        rig.camera.disconnect()
        with pytest.raises(NotConnectedError, match="'overhead' is not connected"):
            rig.camera.capture()
        rig.camera.connect()
        rig.camera.capture()


def test_smoothing_filters_keep_a_plane_and_its_distance(make_rig: MakeRig) -> None:
    filters = FilterConfig(decimation=2, use_spatial=True, use_temporal=True, fill_holes="nearest")
    rig = make_rig(filters=filters)
    rig.scene.depth[:] = 1.2
    rig.scene.depth[20:22, 30:32] = 0.0
    rig.camera.connect()
    for _ in range(3):
        depth = rig.camera.capture().depth
    assert depth.shape == (48, 64)
    inside = depth[4:-4, 4:-4]
    assert (inside > 0.0).all()  # the hole is filled
    assert np.abs(inside - 1.2).max() <= 0.0015


def _message(rig: Rig) -> str:
    try:
        rig.camera.capture()
    except DeviceError as error:
        return str(error)
    return ""


def _trouble(rig: Rig) -> type[DeviceError] | None:
    try:
        rig.camera.capture()
    except DeviceError as error:
        return type(error)
    return None
