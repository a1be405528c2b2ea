"""Another camera's driver is understood by remapping its topics: here as realsense2_camera names them."""

import array
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from domains import free_domain
from equigrasp_interfaces.msg import Experience  # noqa: E402
from equigrasp_interfaces.srv import PlanGrasp  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from test_nodes import Bench  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.perception.camera_model import CameraModel  # noqa: E402
from equigrasp.ros import qos  # noqa: E402
from equigrasp.ros.messages.heightmaps import from_heightmap_msg
from equigrasp.ros.messages.images import to_camera_info_msg, to_depth_msg
from equigrasp.ros.messages.transforms import to_transform_msg

pytestmark = pytest.mark.ros

TOPICS = "/camera/camera/aligned_depth_to_color"
MODEL = CameraModel(320, 240, 500.0, 500.0, 159.5, 119.5)
POSE = Transform.from_rpy(np.array([0.45, 0.21, 1.0]), np.array([np.pi, 0.0, -np.pi / 2]))
T_LINK_OPTICAL = Transform(np.array([0.0, 0.015, 0.0]), np.array([-0.5, 0.5, -0.5, 0.5]))
BOX = np.s_[90:110, 190:215]  # 5 cm high


class OtherDriver:
    """Publishes whole millimetres, best effort, and says where its optical frame is in its link.

    Attributes:
        clock_offset: Its clock is so much ahead [s].
        fill: A depth [m] that every pixel has, as 32FC1; None: what there is, in millimetres.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.clock_offset, self.fill = 0.0, None
        self._images = node.create_publisher(Image, f"{TOPICS}/image_raw", qos.sensor_data())
        self._infos = node.create_publisher(CameraInfo, f"{TOPICS}/camera_info", qos.sensor_data())
        self._depth = np.full((240, 320), 998, "<u2")
        self._depth[BOX] = 948
        self.distortion = ("plumb_bob", [0.0] * 5)
        tf = [node.create_publisher(TFMessage, "tf_static", qos.latched()) for _ in range(2)]
        link = to_transform_msg(POSE * T_LINK_OPTICAL.inverse(), 0.0, "base_link", "camera_link")
        optical = "camera_color_optical_frame"
        tf[0].publish(TFMessage(transforms=[link]))
        tf[1].publish(
            TFMessage(transforms=[to_transform_msg(T_LINK_OPTICAL, 0.0, "camera_link", optical)])
        )
        self._keep = tf
        node.create_timer(0.05, self._publish)

    def _publish(self) -> None:
        stamp = self._node.get_clock().now().nanoseconds * 1e-9 + self.clock_offset
        info = to_camera_info_msg(MODEL, stamp, "camera_color_optical_frame")
        info.distortion_model, info.d = self.distortion
        image = Image(header=info.header, height=240, width=320, encoding="16UC1", step=640)
        image.data = array.array("B", self._depth.tobytes())
        if self.fill is not None:
            depth = np.full(self._depth.shape, self.fill, np.float32)
            image = to_depth_msg(depth, stamp, "camera_color_optical_frame")
        self._infos.publish(info)
        self._images.publish(image)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, domain_id=free_domain())
    yield made
    made.close()


def _start_policy(bench: Bench) -> None:
    bench.start(
        "training.policy",
        *("-p", "method:=asr:tiny", "-p", "camera_frame:=camera_color_optical_frame"),
        *("-p", "image_timeout:=1.0"),
        *("-r", f"depth/image_rect_raw:={TOPICS}/image_raw"),
        *("-r", f"camera_info:={TOPICS}/camera_info"),
    )


def _plan(bench: Bench) -> PlanGrasp.Response:
    """Have a grasp planned on an image that is not older than the question."""
    while True:
        request = PlanGrasp.Request(workspace="left", mode=Experience.MODE_RANDOM)
        request.not_before = bench.node.get_clock().now().to_msg()
        answer = bench.call(PlanGrasp, "plan_grasp", request)
        if answer.error_code != PlanGrasp.Response.NOT_ACTIVE:
            return answer


def test_a_grasp_is_planned_on_the_images_of_another_driver(bench: Bench) -> None:
    driver = OtherDriver(bench.node)
    _start_policy(bench)
    answer = _plan(bench)
    assert answer.error_code == 0, answer.error_msg
    observation = from_heightmap_msg(answer.heightmap)
    assert observation.heightmap.max() == pytest.approx(0.05, abs=1e-3)
    depth = np.zeros((240, 320))
    depth[BOX] = 0.948
    points = POSE.apply(MODEL.deproject(depth))
    rows, cols = observation.workspace.xy_to_grid(points[:, 0], points[:, 1])
    found = np.argwhere(observation.heightmap > 0.025).mean(axis=0)
    assert found == pytest.approx([rows.mean(), cols.mean()], abs=1.0)
    driver.distortion = ("equidistant", [0.1] * 4)
    answers = [_plan(bench) for _ in range(2)]  # the first may have been under way
    answer = answers[-1]
    assert answer.error_code == PlanGrasp.Response.BAD_IMAGE
    assert "'equidistant' is not one of plumb_bob" in answer.error_msg


def test_images_of_a_clock_that_was_set_are_named_and_not_used(
    bench: Bench, wall_clock: Any
) -> None:
    driver = OtherDriver(bench.node)
    _start_policy(bench)
    assert _plan(bench).error_code == 0
    for offset, word in ((3600.0, "s in the future"), (-3600.0, "s before it was wanted")):
        driver.clock_offset = offset
        with wall_clock.within(4.0):  # image_timeout, and a busy machine
            answer = _plan(bench)
        assert answer.error_code == PlanGrasp.Response.NO_IMAGE
        assert "the newest is stamped 3" in answer.error_msg
        assert word in answer.error_msg
        driver.clock_offset = 0.0
        assert _plan(bench).error_code == 0


def test_images_of_nothing_but_nan_are_no_empty_tray(bench: Bench) -> None:
    driver = OtherDriver(bench.node)
    _start_policy(bench)
    driver.fill = math.nan
    answer = _plan(bench)
    assert answer.error_code == PlanGrasp.Response.BAD_IMAGE
    assert "Only 0% of workspace 'left' is seen" in answer.error_msg
    driver.fill = None
    assert _plan(bench).error_code == 0
