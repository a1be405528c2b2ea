"""A camera behind ROS: ours or any driver with the names and encodings of realsense2_camera."""

import math
import threading
import time

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.clock import Clock
from equigrasp.errors import DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.nodes import names, qos
from equigrasp.nodes.conversions import (
    distortion_of,
    from_camera_info_msg,
    from_color_msg,
    from_depth_msg,
    from_time,
)
from equigrasp.nodes.image_stamps import stamp_problem
from equigrasp.nodes.static_frames import StaticFrames
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.rectification import Rectifier

_FRAME_TIMEOUT = 3.0  # [s] wall clock


class RemoteCamera(Camera):
    """Hears colour, depth, intrinsics and tf; what a lens has bent is straightened.

    Args:
        node: Hears the topics; spins in another thread.
        clock: Time of the stamps.
        frame_id: The camera's optical frame in tf.
        has_color: Whether a frame must hold a picture.
        has_depth: Whether a frame must hold depth.
        timeout: Longest wait for a frame [s, wall clock]; None: 3 s.
    """

    def __init__(
        self,
        node: Node,
        clock: Clock,
        frame_id: str,
        *,
        has_color: bool,
        has_depth: bool,
        timeout: float | None = None,
    ) -> None:
        self._timeout = _FRAME_TIMEOUT if timeout is None else timeout
        self._clock = clock
        self._frame_id = frame_id
        self._arrived = threading.Condition()
        self._newest: dict[str, Image] = {}
        self._model: CameraModel | None = None
        self._rectifier: Rectifier | None = None
        self._frames = StaticFrames()
        self._needs = [
            topic
            for topic, is_needed in (
                (names.COLOR_IMAGE, has_color),
                (names.DEPTH_IMAGE, has_depth),
            )
            if is_needed
        ]
        group = MutuallyExclusiveCallbackGroup()
        for topic in self._needs:
            node.create_subscription(
                Image,
                topic,
                lambda m, t=topic: self._on_image(t, m),
                qos.sensor_data(),
                callback_group=group,
            )
        node.create_subscription(
            CameraInfo, names.CAMERA_INFO, self._on_info, qos.sensor_data(), callback_group=group
        )
        node.create_subscription(
            TFMessage, names.TF_STATIC, self._on_tf, qos.latched(10), callback_group=group
        )

    @property
    def model(self) -> CameraModel:
        if self._model is None:
            raise NotConnectedError(f"No intrinsics on '{names.CAMERA_INFO}' so far.")
        return self._model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        pose = self._frames.pose(names.BASE_FRAME, self._frame_id)
        if pose is None:
            raise NotConnectedError(
                f"No camera frame '{self._frame_id}' on '{names.TF_STATIC}' so far."
            )
        return pose

    def connect(self) -> None:
        """Wait for a first frame; raise `DeviceTimeoutError` that names what is missing."""
        self.capture()

    def disconnect(self) -> None:
        """Nothing to do: the node hears as long as it lives."""

    def capture(self) -> CameraFrame:
        asked, deadline = self._clock.stamp(), time.monotonic() + self._timeout
        with self._arrived:
            while missing := self._missing(asked):
                if time.monotonic() > deadline:
                    raise DeviceTimeoutError(
                        f"No new message on {', '.join(missing)} within {self._timeout} s. Is the "
                        "camera's driver running, and are its topics remapped to these names?"
                    )
                self._arrived.wait(0.1)
            newest = dict(self._newest)
        model, rectifier = self.model, self._rectifier
        assert rectifier is not None
        shape = (model.height_px, model.width_px)
        depth, color = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.uint8)
        if names.COLOR_IMAGE in newest:
            color = rectifier.color(from_color_msg(newest[names.COLOR_IMAGE]))
        if names.DEPTH_IMAGE in newest:
            depth = rectifier.depth(from_depth_msg(newest[names.DEPTH_IMAGE]))
        stamp = max(from_time(m.header.stamp) for m in newest.values())
        return CameraFrame(stamp, depth, color)

    def _missing(self, asked: float) -> list[str]:
        found = [] if self._model is not None else [f"'{names.CAMERA_INFO}'"]
        for topic in self._needs:
            newest = self._newest.get(topic)
            stamp = math.nan if newest is None else from_time(newest.header.stamp)
            if problem := stamp_problem(stamp, asked, self._clock.stamp()):
                found.append(f"'{topic}' ({problem})")
        return found

    def _on_image(self, topic: str, message: Image) -> None:
        with self._arrived:
            self._newest[topic] = message
            self._arrived.notify_all()

    def _on_info(self, message: CameraInfo) -> None:
        if self._model is not None:
            return  # intrinsics do not change
        distortion = distortion_of(message)
        k = message.k  # of the bent image; P, where given, is of the straight one
        model = from_camera_info_msg(message)
        if any(distortion):
            model = CameraModel(message.width, message.height, k[0], k[4], k[2], k[5])
        with self._arrived:
            self._rectifier = Rectifier(model, distortion)
            self._model = model

    def _on_tf(self, message: TFMessage) -> None:
        self._frames.add(message)
