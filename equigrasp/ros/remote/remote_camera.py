"""A camera behind ROS: ours or any driver with the names and encodings of realsense2_camera."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import OVERHEAD
from equigrasp.devices.clock import Clock
from equigrasp.errors import (
    ConfigError,
    Device,
    DeviceTimeoutError,
    NotConnectedError,
    PerceptionError,
)
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.rectification import Rectifier
from equigrasp.ros import names, qos
from equigrasp.ros.messages.images import from_camera_info_msg, from_color_msg, from_depth_msg
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.remote.image_stamps import stamp_problem
from equigrasp.ros.runtime.frame_tree import FrameTree
from equigrasp.ros.runtime.managed_node import ManagedNode
from equigrasp.ros.runtime.message_guard import DROPS

_FRAME_TIMEOUT = 3.0  # [s] wall clock
_SKEW = 1.0  # [s] by which the time of who asks may be ahead


class RemoteCamera(Camera):
    """Hears colour, depth, intrinsics and tf; what a lens has bent is straightened.

    Images are kept as they came; only one that is asked for is decoded.

    Args:
        node: Hears the topics; spins in another thread.
        clock: Time of the stamps.
        frame_id: The camera's optical frame in tf.
        has_color: Whether a frame must hold a picture.
        has_depth: Whether a frame must hold depth, for which the camera's pose must be known.
        timeout: Longest wait for a frame [s, wall clock]; None: 3 s.
        name: Its name in the cell.
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
        name: str = OVERHEAD,
    ) -> None:
        self._timeout = _FRAME_TIMEOUT if timeout is None else timeout
        self._clock = clock
        self._frame_id = frame_id
        self._has_depth = has_depth
        self._arrived = threading.Condition()
        self._serialized: dict[str, bytes] = {}
        self._newest: dict[str, Image] = {}
        self._info: tuple[object, ...] = ()
        self._rectifier: Rectifier | PerceptionError | None = None
        self._frames = FrameTree()
        self._pose: Transform | None = None  # at the time of the newest frame that was given out
        self._node = node
        self._late: set[str] = set()  # topics that are heard since they were found to be needed
        group = MutuallyExclusiveCallbackGroup()
        self._topics = topics = names.camera_topics(name)
        self._images = [topics.color] * has_color + [topics.depth] * has_depth
        profiles = [(topic, qos.sensor_data()) for topic in self._images]
        if has_color:  # best effort loses parts of large pictures; not all drivers offer more
            profiles.append((topics.color, qos.reliable(2)))
        for topic, profile in profiles:
            node.create_subscription(
                Image,
                topic,
                lambda serialized, t=topic: self._on_image(t, serialized),
                profile,
                callback_group=group,
                raw=True,
            )
        node.create_subscription(
            CameraInfo, topics.info, self._on_info, qos.sensor_data(), callback_group=group
        )
        node.create_subscription(
            TFMessage, names.TF_STATIC, self._on_tf, qos.latched(10), callback_group=group
        )

    @property
    def model(self) -> CameraModel:
        return self._lens().model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        if self._pose is not None:
            return self._pose
        try:
            return self._frames.pose(names.BASE_FRAME, self._frame_id)
        except NotConnectedError as error:
            raise NotConnectedError(f"Where the camera is: {error}.", Device.CAMERA) from error

    def connect(self) -> None:
        """Wait for a first frame; raise `DeviceTimeoutError` that names what is missing."""
        self.capture()

    def disconnect(self) -> None:
        """Nothing to do: the node hears as long as it lives."""

    def capture(self) -> CameraFrame:
        return self.frame_since(self._clock.stamp())

    def frame_since(self, stamp: float) -> CameraFrame:
        """Return the newest frame as soon as it was taken at `stamp` or later.

        Raises:
            DeviceTimeoutError: if none comes in time; names what is missing.
            PerceptionError: if what comes cannot be understood: encoding, size, lens.
        """
        deadline = time.monotonic() + self._timeout
        with self._arrived:
            self._take_newest()
            while missing := self._missing(stamp):
                # A time that nobody comes to was told by mistake: the clock has been put right since.
                stamp = min(stamp, self._clock.stamp() + _SKEW)
                if time.monotonic() > deadline:
                    raise DeviceTimeoutError(
                        f"No new message on {', '.join(missing)} within {self._timeout} s. Is the "
                        "camera's driver running, and are its topics remapped to these names?",
                        Device.CAMERA,
                    )
                self._arrived.wait(0.1)
            newest, lens = dict(self._newest), self._lens()
        shape = (lens.model.height_px, lens.model.width_px)
        depth, color = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.uint8)
        if self._topics.color in newest:
            color = lens.color(from_color_msg(newest[self._topics.color]))
        if self._topics.depth in newest:
            depth = lens.depth(from_depth_msg(newest[self._topics.depth]))
        return CameraFrame(max(from_time(m.header.stamp) for m in newest.values()), depth, color)

    def _lens(self) -> Rectifier:
        if self._rectifier is None:
            raise NotConnectedError(
                f"No intrinsics on '{self._topics.info}' so far.", Device.CAMERA
            )
        if isinstance(self._rectifier, PerceptionError):
            raise self._rectifier
        return self._rectifier

    def _missing(self, stamp: float) -> list[str]:
        found = []
        if self._rectifier is None:
            found.append(f"'{self._topics.info}'")
            self._hear_latched_info()
        for topic in self._images:
            if self._stamp_problem(topic, stamp):  # else it is kept, until tf has come so far
                self._take_newest(topic)
            if problem := self._stamp_problem(topic, stamp):
                found.append(f"'{topic}' ({problem})")
        if self._has_depth:
            try:
                self._pose = self._frames.pose(names.BASE_FRAME, self._frame_id, self._taken_at())
            except NotConnectedError as error:
                found.append(f"'{names.TF_STATIC}' (frame '{self._frame_id}': {error})")
                self._hear_tf()
        return found

    def _take_newest(self, *topics: str) -> None:
        for topic in topics or self._images:
            if topic in self._serialized:
                self._read(topic, self._serialized.pop(topic))

    def _stamp_problem(self, topic: str, stamp: float) -> str:
        newest = self._newest.get(topic)
        newest_stamp = math.nan if newest is None else from_time(newest.header.stamp)
        return stamp_problem(newest_stamp, stamp, self._clock.stamp())

    def _taken_at(self) -> float | None:
        """Return when the depth was taken [s]; None: there is none so far."""
        depth = self._newest.get(self._topics.depth)
        return None if depth is None else from_time(depth.header.stamp)

    def _hear_tf(self) -> None:
        """Hear of moving frames as well, from the first time that those that stand do not lead there.

        `tf` tells of every link of every robot a hundred times a second, mostly to nobody's use.
        """
        self._hear_late(TFMessage, names.TF, self._on_moving_tf, qos.sensor_data(100))

    def _hear_latched_info(self) -> None:
        """Hear intrinsics that were told once, before we listened, if somebody keeps them.

        Without such a publisher, either side would be warned of a QoS that does not fit.
        """
        publishers = self._node.get_publishers_info_by_topic(self._topics.info)
        kept = QoSDurabilityPolicy.TRANSIENT_LOCAL
        if any(publisher.qos_profile.durability == kept for publisher in publishers):
            self._hear_late(CameraInfo, self._topics.info, self._on_info, qos.latched())

    def _hear_late(
        self, kind: Any, topic: str, listener: Callable[[Any], None], profile: QoSProfile
    ) -> None:
        if topic in self._late:
            return
        self._late.add(topic)
        group = MutuallyExclusiveCallbackGroup()
        subscription = self._node.create_subscription(
            kind, topic, listener, profile, callback_group=group
        )
        if isinstance(self._node, ManagedNode):
            self._node.destroy_later(subscription)

    def _read(self, topic: str, serialized: bytes) -> None:
        try:
            self._newest[topic] = deserialize_message(serialized, Image)
        except Exception as error:  # bytes that are no message
            DROPS.add(topic, error)

    def _on_image(self, topic: str, serialized: bytes) -> None:
        with self._arrived:
            self._serialized[topic] = serialized
            self._arrived.notify_all()

    def _on_info(self, message: CameraInfo) -> None:
        info = (message.width, message.height, *message.k, *message.p, message.distortion_model)
        roi = message.roi
        info += (roi.x_offset, roi.y_offset, roi.width, roi.height, *message.d)
        info += (message.binning_x, message.binning_y)
        if info == self._info:
            return
        self._info = info
        try:
            lens: Rectifier | PerceptionError = Rectifier(*from_camera_info_msg(message))
        except ConfigError as error:  # a camera that was never calibrated, or an odd lens
            lens = PerceptionError(f"'{self._topics.info}': {error}")
        with self._arrived:
            self._rectifier = lens
            self._arrived.notify_all()

    def _on_moving_tf(self, message: TFMessage) -> None:
        self._on_tf(message, is_static=False)

    def _on_tf(self, message: TFMessage, *, is_static: bool = True) -> None:
        with self._arrived:
            problems = self._frames.add(message, is_static=is_static)
            self._arrived.notify_all()
        for problem in problems:
            self._node.get_logger().warning(problem)
