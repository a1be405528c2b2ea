"""Tells where every link of robot and cell is: `robot_description`, tf and tf_static."""

import math
from dataclasses import dataclass

from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.planning.cell_description import cell_description
from equigrasp.planning.link_frames import LinkFrames, LinkPose
from equigrasp.ros import names, qos
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.messages.transforms import to_transform_msg
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter


@dataclass(frozen=True)
class RobotStateNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    rate: float = parameter(
        100.0,
        "At most so many transforms of a link per second of the joints' stamps [Hz].",
        0.1,
        500.0,
    )


class RobotStateNode(ManagedNode):
    """What ROS's robot_state_publisher does, without its C++; the only one to tell of frame `tcp`."""

    def __init__(self) -> None:
        super().__init__(names.ROBOT_STATE)
        self._settings = self.declare(RobotStateNodeConfig)
        self._feed: JointStateFeed | None = None

    def set_up(self) -> None:
        """Describe the cell, and listen to the joints."""
        urdf = cell_description(load_cell(self._settings.values.cell), names.BASE_FRAME)
        self._frames = LinkFrames(urdf)
        self._throttle = Throttle(1.0 / self._settings.values.rate)
        self._description = self.create_publisher(String, names.ROBOT_DESCRIPTION, qos.latched())
        self._static = self.create_publisher(TFMessage, names.TF_STATIC, qos.latched())
        self._tf = self.create_publisher(TFMessage, names.TF, qos.reliable(100))
        self._description.publish(String(data=urdf))
        self._static.publish(_message(self._frames.fixed, 0.0))
        self._feed = JointStateFeed(self)
        self._feed.subscribe(self._on_joints)

    def tear_down(self) -> None:
        """Hear no more joint states."""
        if self._feed is not None:
            self._feed.close()

    def _on_joints(self, message: JointStateMsg) -> None:
        if not (self.is_active and self._tf.get_subscription_count()):
            return
        stamp, known = from_time(message.header.stamp), self._frames.joint_names
        positions = {
            name: position
            for name, position in zip(message.name, message.position, strict=False)
            if name in known and math.isfinite(position)
        }
        if positions and self._throttle.lets_pass(stamp, frozenset(positions)):
            self._tf.publish(_message(self._frames.moving(positions), stamp))


class Throttle:
    """Lets no more through than one message of the same joints a period.

    Args:
        period: Between two of them [s].
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._last: dict[frozenset[str], float] = {}

    def lets_pass(self, stamp: float, joints: frozenset[str]) -> bool:
        """Tell whether a message of some joints at a time [s] is due; after a clock was set back, too."""
        last = self._last.get(joints, -math.inf)
        if 0.0 <= stamp - last < 0.999 * self._period:
            return False
        self._last[joints] = stamp
        return True


def _message(poses: list[LinkPose], stamp: float) -> TFMessage:
    return TFMessage(
        transforms=[to_transform_msg(p.pose, stamp, p.parent, p.child) for p in poses]
    )


def main() -> None:
    """Run the node."""
    run(lambda: [RobotStateNode()], num_threads=2)


if __name__ == "__main__":
    main()
