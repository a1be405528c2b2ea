"""Driver node of a camera: depth, colour, intrinsics and tf, for any `Camera` device."""

from collections.abc import Callable
from dataclasses import dataclass

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from equigrasp.devices.calibrated_cell import camera_disagreements
from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import OVERHEAD
from equigrasp.errors import DeviceError
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.real_devices import camera_of
from equigrasp.ros.messages.images import to_camera_info_msg, to_color_msg, to_depth_msg
from equigrasp.ros.messages.transforms import to_transform_msg
from equigrasp.ros.runtime.health import Health, Level, RateWatch
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter


@dataclass(frozen=True)
class CameraNodeConfig:
    """Parameters of the node."""

    rate: float = parameter(4.0, "Frames per second [Hz, simulated or steady clock].", 0.1, 60.0)
    name: str = parameter(
        OVERHEAD, "Its name in the cell; its frame is <name>_optical_frame, and what it publishes is "
        "below its name, but for the overhead one.",
    )  # fmt: skip
    has_color: bool = parameter(True, "Whether colour is published.")
    is_on_demand: bool = parameter(
        False, "Whether frames are taken only while somebody listens: rendering them costs time."
    )


class CameraNode(ManagedNode):
    """Names and encodings of realsense2_camera; depth aligned to colour, 32FC1 metres.

    Args:
        camera: The device; None: see `source`.
        source: Returns a camera by its name in the cell, and the name of a cell that it is held against,
            if any, at each configuring; None: the real one that the parameters name.
        name: Its name in the cell; None: as the parameter says.
    """

    def __init__(
        self,
        camera: Camera | None = None,
        source: Callable[[str], tuple[Camera, str]] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(names.camera_node(name or OVERHEAD), is_patient=camera is None)
        self._settings = self.declare(CameraNodeConfig)
        self._given_name = name
        if camera is not None:
            given = camera, ""
            self._source: Callable[[str], tuple[Camera, str]] = lambda _: given
        else:
            self._source = source or camera_of(self)
        self._camera, self._cell = self._source(self._name)
        self._last_error = ""
        self._rate: RateWatch | None = None
        self.report_health_with(self._health)

    @property
    def _name(self) -> str:
        return self._given_name or self._settings.values.name

    def set_up(self) -> None:
        """Connect the camera and announce where it is."""
        name, config = self._name, self._settings.values
        self._camera, self._cell = self._source(name)
        self._frame_id, self._has_color = f"{name}_optical_frame", config.has_color
        topics = names.camera_topics(name)
        self._last_error = ""
        self._camera.connect()
        if self._cell:
            for warning in camera_disagreements(self._cell, self._camera.serial):
                self.get_logger().warning(warning)
        self._depth = self.create_publisher(Image, topics.depth, qos.reliable(2))
        self._color = self.create_publisher(Image, topics.color, qos.reliable(2))
        self._info = self.create_publisher(CameraInfo, topics.info, qos.reliable(2))
        self._tf = self.create_publisher(TFMessage, names.TF_STATIC, qos.latched())
        pose = to_transform_msg(self._camera.T_base_camera, 0.0, names.BASE_FRAME, self._frame_id)
        self._tf.publish(TFMessage(transforms=[pose]))
        # A timer of the system's clock would wait for an hour when that is set back by one.
        is_simulated = self.get_clock().ros_time_is_active
        clock = self.get_clock() if is_simulated else Clock(clock_type=ClockType.STEADY_TIME)
        self._frame_clock = clock
        self._timer = self.create_timer(
            1.0 / config.rate,
            self._publish,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=clock,
        )

    def start(self) -> None:
        """Begin to watch the rate of frames, where they are taken all the time."""
        self._rate = None
        if not self._settings.values.is_on_demand:
            self._watch_rate()

    def _watch_rate(self) -> None:
        clock = self._frame_clock
        self._rate = RateWatch(
            self._settings.values.rate, lambda: float(clock.now().nanoseconds) * 1e-9
        )

    def _health(self) -> Health:
        if self._last_error:
            return Health(Level.ERROR, self._last_error)
        shortfall = self._rate.shortfall() if self._rate is not None and self.is_active else ""
        if shortfall:
            return Health(Level.WARN, f"The camera is slow: frames come at {shortfall}.")
        return Health()

    def tear_down(self) -> None:
        """Let go of the camera."""
        self._camera.disconnect()

    def _publish(self) -> None:
        if not self.is_active:
            return
        if self._settings.values.is_on_demand:
            if not self._is_heard():
                self._rate = None
                return
            if self._rate is None:
                self._watch_rate()
        try:
            frame = self._camera.capture()
        except DeviceError as error:
            self._last_error = str(error)
            self.get_logger().error(self._last_error, throttle_duration_sec=5.0)
            return
        self._last_error = ""
        if self._rate is not None:
            self._rate.note()
        info = to_camera_info_msg(self._camera.model, frame.stamp, self._frame_id)
        self._info.publish(info)
        self._depth.publish(to_depth_msg(frame.depth, frame.stamp, self._frame_id))
        if self._has_color and self._color.get_subscription_count():
            self._color.publish(to_color_msg(frame.color, frame.stamp, self._frame_id))

    def _is_heard(self) -> bool:
        return any(p.get_subscription_count() for p in (self._depth, self._color, self._info))


def main() -> None:
    """Run the node in front of the real camera."""
    run(lambda: [CameraNode()], num_threads=4)


if __name__ == "__main__":
    main()
