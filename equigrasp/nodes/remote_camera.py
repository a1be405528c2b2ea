"""A camera behind ROS: ours or any driver with the names and encodings of realsense2_camera."""

import threading
import time

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.errors import DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.nodes import names, qos
from equigrasp.nodes.conversions import (
    from_camera_info_msg,
    from_depth_msg,
    from_time,
)
from equigrasp.nodes.static_frames import StaticFrames
from equigrasp.perception.camera_model import CameraModel


class RemoteCamera(Camera):
    """Depth images, intrinsics and pose as they are published; colour is black.

    Args:
        node: Listens.
        frame: Frame of the depth image in `tf_static`.
        timeout: Longest wait for an image [s, wall clock].
    """

    def __init__(self, node: Node, frame: str, timeout: float) -> None:
        self._node, self._frame, self._timeout = node, frame, timeout
        self._arrived = threading.Condition()
        self._image: bytes | None = None
        self._model: CameraModel | None = None
        self._frames = StaticFrames()
        self._pose: Transform | None = None
        group = MutuallyExclusiveCallbackGroup()
        listen = node.create_subscription
        self._subscriptions = [
            listen(Image, names.DEPTH_IMAGE, self._on_depth, qos.sensor_data(), callback_group=group, raw=True),
            listen(CameraInfo, names.CAMERA_INFO, self._on_info, qos.sensor_data(), callback_group=group),
            listen(TFMessage, names.TF_STATIC, self._on_tf, qos.latched(10), callback_group=group),
        ]  # fmt: skip

    @property
    def model(self) -> CameraModel:
        if self._model is None:
            raise NotConnectedError(f"No camera sent its intrinsics on '{names.CAMERA_INFO}'.")
        return self._model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        if self._pose is None:
            raise NotConnectedError(
                f"'{names.TF_STATIC}' does not say where camera frame '{self._frame}' is."
            )
        return self._pose

    def connect(self) -> None:
        """Nothing to do: cameras may come and go, every wait is bounded."""

    def disconnect(self) -> None:
        """Nothing to do."""

    def capture(self) -> CameraFrame:
        """See `Camera.capture`; an image counts that was taken after this call by its stamp."""
        asked = self._node.get_clock().now().nanoseconds * 1e-9
        deadline = time.monotonic() + self._timeout
        newest = -np.inf
        while time.monotonic() < deadline:
            with self._arrived:
                if self._image is None:
                    self._arrived.wait(0.1)
                serialized, self._image = self._image, None
            if serialized is None:
                continue
            message = deserialize_message(serialized, Image)
            newest = from_time(message.header.stamp)
            if newest >= asked:
                depth = from_depth_msg(message)
                black = np.broadcast_to(np.uint8(0), (*depth.shape, 3))
                return CameraFrame(newest, depth, black)
        raise DeviceTimeoutError(
            f"The camera sent no new image on '{names.DEPTH_IMAGE}' within {self._timeout} s "
            f"(newest: {newest - asked:.2f} s from the request)."
        )

    def _on_depth(self, serialized: bytes) -> None:
        """Keep the newest image as it came; only one that is asked for is decoded."""
        with self._arrived:
            self._image = serialized
            self._arrived.notify_all()

    def _on_info(self, message: CameraInfo) -> None:
        self._model = from_camera_info_msg(message)

    def _on_tf(self, message: TFMessage) -> None:
        self._frames.add(message)
        self._pose = self._frames.pose(names.BASE_FRAME, self._frame)
