"""Another camera's driver is understood by remapping its topics: here as realsense2_camera names them."""

import array
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from equigrasp_interfaces.msg import Experience  # noqa: E402
from equigrasp_interfaces.srv import PlanGrasp  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from test_nodes import Bench  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.nodes import qos  # noqa: E402
from equigrasp.nodes.conversions import (  # noqa: E402
    from_heightmap_msg,
    to_camera_info_msg,
    to_transform_msg,
)
from equigrasp.perception.camera_model import CameraModel  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

TOPICS = "/camera/camera/aligned_depth_to_color"
MODEL = CameraModel(320, 240, 500.0, 500.0, 159.5, 119.5)
POSE = Transform.from_rpy(np.array([0.45, 0.21, 1.0]), np.array([np.pi, 0.0, -np.pi / 2]))
T_LINK_OPTICAL = Transform(np.array([0.0, 0.015, 0.0]), np.array([-0.5, 0.5, -0.5, 0.5]))
BOX = np.s_[90:110, 190:215]  # 5 cm high


class OtherDriver:
    """Publishes whole millimetres, best effort, and says where its optical frame is in its link."""

    def __init__(self, node: Node) -> None:
        self._node = node
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
        stamp = self._node.get_clock().now()
        info = to_camera_info_msg(MODEL, stamp.nanoseconds * 1e-9, "camera_color_optical_frame")
        info.distortion_model, info.d = self.distortion
        image = Image(header=info.header, height=240, width=320, encoding="16UC1", step=640)
        image.data = array.array("B", self._depth.tobytes())
        self._infos.publish(info)
        self._images.publish(image)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, domain_id=80 + os.getpid() % 5)
    yield made
    made.close()


def test_a_grasp_is_planned_on_the_images_of_another_driver(bench: Bench) -> None:
    driver = OtherDriver(bench.node)
    bench.start(
        "policy",
        *("-p", "method:=asr_tiny", "-p", "camera_frame:=camera_color_optical_frame"),
        *("-r", f"depth/image_rect_raw:={TOPICS}/image_raw"),
        *("-r", f"camera_info:={TOPICS}/camera_info"),
    )
    request = PlanGrasp.Request(workspace="left", mode=Experience.MODE_RANDOM)
    request.not_before = bench.node.get_clock().now().to_msg()
    answer = bench.call(PlanGrasp, "plan_grasp", request)
    while answer.error_code == PlanGrasp.Response.NOT_ACTIVE:
        answer = bench.call(PlanGrasp, "plan_grasp", request)
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
    answers = []
    while len(answers) < 20 and answer.error_code == 0:
        answer = bench.call(PlanGrasp, "plan_grasp", request)
        answers.append(answer)
    assert answer.error_code == PlanGrasp.Response.BAD_IMAGE
    assert "'equidistant' is not one of plumb_bob" in answer.error_msg
