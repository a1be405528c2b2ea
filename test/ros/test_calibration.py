"""Calibration over DDS: the camera behind topics, and the command's devices against the bridge's drivers."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.publisher import Publisher  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from equigrasp.calibration.table_command import run_table  # noqa: E402
from equigrasp.devices.cell import ArmConfig  # noqa: E402
from equigrasp.devices.clock import Clock, WallClock  # noqa: E402
from equigrasp.errors import ConfigError, DeviceTimeoutError, PerceptionError  # noqa: E402
from equigrasp.nodes import names, qos  # noqa: E402
from equigrasp.nodes.conversions import (  # noqa: E402
    distortion_of,
    from_color_msg,
    to_camera_info_msg,
    to_color_msg,
)
from equigrasp.nodes.launch_parts import describe  # noqa: E402
from equigrasp.nodes.remote_calibration import remote_setup  # noqa: E402
from equigrasp.nodes.remote_camera import RemoteCamera  # noqa: E402
from equigrasp.nodes.supervisor import ManagedProcess  # noqa: E402
from equigrasp.perception.camera_model import CameraModel  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

MODEL = CameraModel(320, 240, 300.0, 300.0, 160.0, 120.0)


class StampClock(WallClock):
    """Time as a message's stamp tells it: the newest one that was sent."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    stamp = now


@pytest.fixture
def node() -> Iterator[Node]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    rclpy.init(domain_id=63)
    node = Node("tester")
    executor = MultiThreadedExecutor(2)
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    yield node
    executor.shutdown(timeout_sec=2.0)
    rclpy.try_shutdown()
    spinner.join(5.0)


def _color_camera(
    node: Node, clock: Clock, timeout: float | None = None
) -> tuple[RemoteCamera, Publisher, Publisher]:
    """Return a camera of pictures, and the publishers of picture and intrinsics that it hears."""
    camera = RemoteCamera(
        node,
        clock,
        "overhead_optical_frame",
        has_color=True,
        has_depth=False,
        timeout=timeout,
    )
    color = node.create_publisher(Image, names.COLOR_IMAGE, qos.reliable(2))
    info = node.create_publisher(CameraInfo, names.CAMERA_INFO, qos.reliable(2))
    wait_for(
        lambda: color.get_subscription_count() and info.get_subscription_count(),
        20.0,
        "a listener",
    )
    return camera, color, info


def test_a_bent_picture_arrives_straight(node: Node) -> None:
    clock = StampClock()
    camera, color, info = _color_camera(node, clock)
    bent = np.zeros((240, 320, 3), np.uint8)
    bent[10, :] = 255
    message = to_camera_info_msg(MODEL, 1.0, "overhead_optical_frame")
    message.d = [0.3, 0.0, 0.0, 0.0, 0.0]
    info.publish(message)
    color.publish(to_color_msg(bent, 1.0, "overhead_optical_frame"))
    frame = camera.capture()
    # At the image's middle column the ray of bent row 10 has y (1 + 0.3 y^2) = (10 - 120) / 300.
    y = np.roots([0.3, 0.0, 1.0, 110.0 / 300.0])
    row = 120.0 + 300.0 * float(y[np.isreal(y)].real[0])
    seen = frame.color[:, 160, 0].astype(float)
    assert (seen * np.arange(240)).sum() / seen.sum() == pytest.approx(row, abs=0.5)
    assert camera.model == MODEL


def test_an_old_picture_is_not_taken_for_a_new_one(node: Node) -> None:
    clock = StampClock()
    camera, color, info = _color_camera(node, clock, timeout=1.0)
    info.publish(to_camera_info_msg(MODEL, 1.0, "overhead_optical_frame"))
    color.publish(to_color_msg(np.zeros((240, 320, 3), np.uint8), 1.0, "f"))
    camera.capture()
    clock.time = 2.0
    with pytest.raises(DeviceTimeoutError, match="No new message on 'color/image_raw'"):
        camera.capture()


def test_a_camera_that_nobody_drives_is_named(node: Node) -> None:
    camera = RemoteCamera(node, WallClock(), "f", has_color=False, has_depth=True, timeout=0.3)
    with pytest.raises(DeviceTimeoutError, match="'camera_info', 'depth/image_rect_raw'"):
        camera.connect()


@pytest.mark.parametrize(
    ("encoding", "pixel", "expected"),
    [
        ("rgb8", [1, 2, 3], [1, 2, 3]),
        ("bgr8", [3, 2, 1], [1, 2, 3]),
        ("rgba8", [1, 2, 3, 9], [1, 2, 3]),
        ("bgra8", [3, 2, 1, 9], [1, 2, 3]),
        ("mono8", [7], [7, 7, 7]),
    ],
)
def test_colour_of_every_encoding_becomes_rgb(
    encoding: str, pixel: list[int], expected: list[int]
) -> None:
    row = bytes(pixel * 2) + b"\xff"  # one byte of padding
    message = Image(height=2, width=2, encoding=encoding, step=len(row), data=row * 2)
    assert (from_color_msg(message) == expected).all()
    message.data = (row * 2)[:-1]
    with pytest.raises(PerceptionError, match="bytes"):
        from_color_msg(message)


def test_distortion_that_nobody_can_undo_is_refused() -> None:
    message = to_camera_info_msg(MODEL, 0.0, "f")
    assert distortion_of(message) == ()
    message.d, message.distortion_model = [0.1] * 4, "equidistant"
    with pytest.raises(ConfigError, match="'equidistant' is not one of plumb_bob"):
        distortion_of(message)


def test_the_table_is_measured_over_ros(
    tmp_path: Path, arm_config: ArmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation's driver nodes in a process of their own; the command's devices here."""
    monkeypatch.setenv("ROS_DOMAIN_ID", "64")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr("equigrasp.nodes.remote_calibration._FIRST_STATE_TIMEOUT", 60.0)
    monkeypatch.setattr("equigrasp.nodes.remote_camera._FRAME_TIMEOUT", 20.0)
    bridge = next(d for d in describe("sim", {}) if d.name == names.SIM_BRIDGE)
    bridge.parameters["num_objects"] = 0
    process = ManagedProcess(bridge, tmp_path)
    lines: list[str] = []
    try:
        with remote_setup("ur5", "table", tmp_path / "ur5.yaml", "", use_sim_time=True) as setup:
            result = run_table(setup, apply="floor", say=lines.append)
            assert setup.cell.arm.joint_names == arm_config.joint_names
    finally:
        process.interrupt()
        process.wait()
    assert result.verdict == "good"
    assert result.tilt_deg < 0.1
    assert abs(result.offset_mm) < 1.0
    assert (tmp_path / "ur5.yaml").is_file()
