"""A camera driver that is none of ours, as realsense2_camera publishes."""

import array

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.ros import qos
from equigrasp.ros.messages.images import to_camera_info_msg, to_depth_msg
from equigrasp.ros.messages.transforms import to_transform_msg

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


# Of a node that should hear it.
REMAPPINGS = (
    *("-p", "camera_frame:=camera_color_optical_frame"),
    *("-r", f"depth/image_rect_raw:={TOPICS}/image_raw"),
    *("-r", f"camera_info:={TOPICS}/camera_info"),
)
