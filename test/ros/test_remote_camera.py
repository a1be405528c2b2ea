"""A camera behind topics: what is heard, what is straightened, and what is said when it cannot be."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from geometry_msgs.msg import TransformStamped  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.publisher import Publisher  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from equigrasp.devices.camera import CameraFrame  # noqa: E402
from equigrasp.devices.clock import Clock, WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeCamera  # noqa: E402
from equigrasp.errors import DeviceTimeoutError, PerceptionError  # noqa: E402
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.perception.camera_model import CameraModel  # noqa: E402
from equigrasp.ros import (
    names,  # noqa: E402
    qos,  # noqa: E402
)
from equigrasp.ros.drivers.camera_node import CameraNode
from equigrasp.ros.messages.images import (
    from_color_msg,
    to_camera_info_msg,
    to_color_msg,
    to_depth_msg,
)
from equigrasp.ros.messages.transforms import to_transform_msg
from equigrasp.ros.remote.remote_camera import RemoteCamera  # noqa: E402

pytestmark = pytest.mark.ros

FRAME = "overhead_optical_frame"
MODEL = CameraModel(320, 240, 300.0, 300.0, 160.0, 120.0)
POSE = Transform.from_rpy(np.array([0.45, 0.0, 1.0]), np.array([np.pi, 0.0, -np.pi / 2]))


class StampClock(WallClock):
    """Time as a message's stamp tells it: the newest one that was sent."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    stamp = now


@pytest.fixture
def node() -> Iterator[Node]:
    with ros(free_domain()):
        node = Node("tester")
        with spinning(node):
            yield node


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


def test_intrinsics_told_once_before_we_hear_are_heard(node: Node) -> None:
    info = node.create_publisher(CameraInfo, names.CAMERA_INFO, qos.latched())
    info.publish(to_camera_info_msg(MODEL, 1.0, FRAME))
    camera = RemoteCamera(node, StampClock(), FRAME, has_color=True, has_depth=False)
    color = node.create_publisher(Image, names.COLOR_IMAGE, qos.reliable(2))
    wait_for(color.get_subscription_count, 20.0, "a listener")
    color.publish(to_color_msg(np.zeros((240, 320, 3), np.uint8), 1.0, FRAME))
    assert camera.capture().color.shape == (240, 320, 3)
    assert camera.model == MODEL


def test_a_time_told_by_mistake_is_not_waited_for(node: Node) -> None:
    clock = StampClock()
    camera = RemoteCamera(node, clock, FRAME, has_color=True, has_depth=False, timeout=30.0)
    color = node.create_publisher(Image, names.COLOR_IMAGE, qos.reliable(2))
    info = node.create_publisher(CameraInfo, names.CAMERA_INFO, qos.reliable(2))
    wait_for(
        lambda: color.get_subscription_count() and info.get_subscription_count(), 20.0, "ears"
    )
    clock.time = 5.0  # put right again after somebody told 1e9
    info.publish(to_camera_info_msg(MODEL, 6.5, FRAME))
    color.publish(to_color_msg(np.zeros((240, 320, 3), np.uint8), 6.5, FRAME))
    assert camera.frame_since(1e9).stamp == 6.5


def test_a_second_camera_has_topics_of_its_own() -> None:
    with ros(free_domain()):
        camera = FakeCamera(WallClock(), floor_depth=0.7)
        driver, listener = CameraNode(camera, name="shoulder"), Node("tester")
        assert driver.get_name() == "shoulder_camera"
        with spinning(driver, listener):
            driver.autostart()
            remote = RemoteCamera(
                listener,
                WallClock(),
                "shoulder_optical_frame",
                has_color=False,
                has_depth=True,
                timeout=20.0,
                name="shoulder",
            )
            assert remote.capture().depth == pytest.approx(0.7)
            topics = {name for name, _ in listener.get_topic_names_and_types()}
            assert "/shoulder/depth/image_rect_raw" in topics
            assert "/depth/image_rect_raw" not in topics


class CountingCamera(FakeCamera):
    """Counts its frames."""

    num_frames = 0

    def capture(self) -> CameraFrame:
        self.num_frames += 1
        return super().capture()


def test_a_camera_on_demand_looks_only_while_somebody_listens() -> None:
    with ros(free_domain()):
        camera = CountingCamera(WallClock(), floor_depth=0.7)
        driver, listener = CameraNode(camera, name="front"), Node("tester")
        driver.set_parameters([Parameter("is_on_demand", value=True)])
        with spinning(driver, listener):
            driver.autostart()
            for _ in range(3):
                driver._publish()
            assert camera.num_frames == 0
            remote = RemoteCamera(
                listener,
                WallClock(),
                "front_optical_frame",
                has_color=False,
                has_depth=True,
                timeout=20.0,
                name="front",
            )
            assert remote.capture().depth == pytest.approx(0.7)
            assert camera.num_frames > 0


class DepthDriver:
    """A camera of depth 0.5 m, with a bump of 0.4 m right of row 120; tells of its lens."""

    def __init__(self, node: Node, timeout: float = 5.0) -> None:
        self.camera = RemoteCamera(
            node, StampClock(), FRAME, has_color=False, has_depth=True, timeout=timeout
        )
        self._depth = node.create_publisher(Image, names.DEPTH_IMAGE, qos.reliable(2))
        self._info = node.create_publisher(CameraInfo, names.CAMERA_INFO, qos.reliable(2))
        self._moving = node.create_publisher(TFMessage, names.TF, qos.reliable(100))
        self._tf = node.create_publisher(TFMessage, names.TF_STATIC, qos.latched())
        wait_for(self._is_heard, 20.0, "a listener")

    def _is_heard(self) -> bool:
        return bool(self._depth.get_subscription_count() and self._info.get_subscription_count())

    def publish(self, image: np.ndarray, kind: str = "plumb_bob", d: tuple = (0.0,) * 5) -> None:
        """Tell of an image and of the lens that it was taken through."""
        info = to_camera_info_msg(MODEL, 1.0, FRAME)
        info.d, info.distortion_model = list(d), kind
        self._info.publish(info)
        self._depth.publish(to_depth_msg(image, 1.0, FRAME))

    def publish_tf(self, *links: TransformStamped, is_moving: bool = False) -> None:
        """Tell of frames."""
        publisher = self._moving if is_moving else self._tf
        publisher.publish(TFMessage(transforms=list(links)))

    def publish_pose(self) -> None:
        """Tell where the camera is."""
        pose = to_transform_msg(POSE, 0.0, names.BASE_FRAME, FRAME)
        self._tf.publish(TFMessage(transforms=[pose]))


@pytest.mark.parametrize(
    ("kind", "distortion"),
    [
        ("plumb_bob", (0.12, -0.25, 0.001, -0.0008, 0.08)),
        ("rational_polynomial", (0.4, -0.1, 0.0005, 0.0003, 0.02, 0.55, -0.08, 0.01)),
    ],
)
def test_bent_depth_arrives_straight(node: Node, kind: str, distortion: tuple[float, ...]) -> None:
    """Every bent pixel is given the depth of what its ray meets: a step at x = 0.1 m."""
    camera = np.array([[300.0, 0.0, 160.0], [0.0, 300.0, 120.0], [0.0, 0.0, 1.0]])
    pixels = np.stack(np.meshgrid(np.arange(320.0), np.arange(240.0)), -1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(pixels, camera, np.array(distortion)).reshape(240, 320, 2)
    driver = DepthDriver(node)
    driver.publish_pose()
    driver.publish(np.where(rays[..., 0] * 0.5 < 0.1, 0.5, 0.4), kind, distortion)
    depth = driver.camera.capture().depth
    edge = 160.0 + 300.0 * 0.1 / 0.5  # in the straight image, in every row
    assert set(np.unique(depth[20:220, 20:300])) == {np.float32(0.4), np.float32(0.5)}
    edges = 20 + (depth[20:220, 20:300] > 0.45).sum(axis=1)  # the rim shows what no lens saw
    assert np.abs(edges - edge).max() <= 1.0
    assert driver.camera.model == MODEL


def test_a_lens_that_nobody_can_undo_is_named_and_the_camera_lives_on(node: Node) -> None:
    driver = DepthDriver(node)
    driver.publish_pose()
    driver.publish(np.ones((240, 320)), "equidistant", (0.1,) * 4)
    with pytest.raises(PerceptionError, match="'camera_info': .*'equidistant' is not one of"):
        driver.camera.capture()
    driver.publish(np.ones((240, 320)))
    wait_for(lambda: driver.camera._rectifier is not None, 5.0, "another lens")
    wait_for(lambda: not isinstance(driver.camera._rectifier, Exception), 5.0, "a good lens")
    assert (driver.camera.capture().depth == 1.0).all()


def test_depth_waits_for_the_cameras_pose_and_for_intrinsics_of_its_size(node: Node) -> None:
    driver = DepthDriver(node, timeout=0.5)
    driver.publish(np.ones((120, 160)))
    with pytest.raises(DeviceTimeoutError, match="'tf_static' .frame 'overhead_optical_frame'"):
        driver.camera.frame_since(0.0)
    driver.publish_pose()
    with pytest.raises(PerceptionError, match="160 x 120 px does not fit .* 320 x 240 px"):
        driver.camera.frame_since(0.0)


def test_base_and_camera_may_hang_from_the_world(node: Node) -> None:
    driver = DepthDriver(node)
    world = Transform.from_rpy(np.array([1.0, 2.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    driver.publish_tf(
        to_transform_msg(world, 0.0, "world", names.BASE_FRAME),
        to_transform_msg(world * POSE, 0.0, "world", FRAME),
    )
    driver.publish(np.ones((240, 320)))
    driver.camera.capture()
    assert driver.camera.T_base_camera.matrix() == pytest.approx(POSE.matrix())


def test_a_camera_on_a_moving_arm_is_where_it_was_then(node: Node) -> None:
    driver = DepthDriver(node, timeout=10.0)
    still = Transform.identity()
    driver.publish_tf(to_transform_msg(still, 0.0, "wrist", FRAME))
    driver.publish(np.ones((240, 320)))  # stamped 1.0

    def move() -> None:
        for stamp, x in ((0.9, 1.0), (1.1, 2.0), (1.3, 9.0)):
            pose = Transform(np.array([x, 0.0, 0.0]), still.quat_xyzw)
            message = to_transform_msg(pose, stamp, names.BASE_FRAME, "wrist")
            driver.publish_tf(message, is_moving=True)

    timer = node.create_timer(0.05, move)
    driver.camera.capture()
    assert driver.camera.T_base_camera.position[0] == pytest.approx(1.5)
    node.destroy_timer(timer)


def test_where_tf_ends_is_said(node: Node) -> None:
    driver = DepthDriver(node, timeout=0.5)
    driver.publish_tf(to_transform_msg(POSE, 0.0, "camera_link", FRAME))
    driver.publish(np.ones((240, 320)))
    with pytest.raises(DeviceTimeoutError, match="ends at 'camera_link', that from 'base_link'"):
        driver.camera.frame_since(0.0)


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


def test_bytes_that_are_no_picture_are_left_out(node: Node) -> None:
    camera, color, info = _color_camera(node, StampClock(), timeout=0.5)
    info.publish(to_camera_info_msg(MODEL, 1.0, "overhead_optical_frame"))
    color.publish(b"\x00\x01\x00\x00" + b"\xff" * 40)
    with pytest.raises(DeviceTimeoutError, match="No new message on 'color/image_raw'"):
        camera.capture()
    color.publish(to_color_msg(np.zeros((240, 320, 3), np.uint8), 1.0, "f"))
    assert camera.capture().stamp == 1.0
