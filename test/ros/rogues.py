"""Foreign nodes in the graph that send what no good one sends."""

import math
import time
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory
from graph import wait_for
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from equigrasp.devices.motion import JointTrajectory
from equigrasp.ros import names, qos
from equigrasp.ros.messages.images import to_depth_msg
from equigrasp.ros.messages.joints import from_joint_state_msg
from equigrasp.ros.messages.trajectories import to_trajectory_msg
from equigrasp.ros.runtime.action_client import ActionClient

_PERIOD = 0.05  # [s] between false images: more of them than of the camera's own


def bad_trajectories(
    start: np.ndarray, joint_names: tuple[str, ...]
) -> dict[str, FollowJointTrajectory.Goal]:
    """Return goals that an arm which stands at `start` (n,) [rad] must refuse, by what is wrong."""
    still = np.zeros((2, len(start)))

    def goal(
        way: float, duration: float, row: int = 1, velocity: float = 0.0
    ) -> FollowJointTrajectory.Goal:
        positions, velocities = np.vstack([start, start]), still.copy()
        positions[row, -1] += way
        velocities[row, -1] = velocity
        trajectory = JointTrajectory(np.array([0.0, duration]), positions, velocities)
        return FollowJointTrajectory.Goal(trajectory=to_trajectory_msg(trajectory, joint_names))

    goals = {
        "a position that is no number": goal(math.nan, 2.0),
        "an infinite position": goal(math.inf, 2.0),
        "a speed that is no number": goal(0.1, 2.0, velocity=math.nan),
        "a start elsewhere": goal(1.0, 2.0, row=0),
        "too fast": goal(1.0, 0.1),
        "time that stands still": goal(0.1, 0.0),
        "a jump of speed at the end": goal(0.1, 2.0, velocity=3.0),
        "beyond a joint's range": goal(20.0, 60.0),
        "no points": goal(0.1, 2.0),
        "a joint of another arm": goal(0.1, 2.0),
    }
    goals["no points"].trajectory.points.clear()
    goals["a joint of another arm"].trajectory.joint_names[0] = "knee"
    return goals


class Rogue:
    """Knows the names of the graph, and no manners.

    Args:
        node: Spins in another thread.
        joint_names: Of the arm.
    """

    def __init__(self, node: Node, joint_names: tuple[str, ...]) -> None:
        self._node, self._joint_names = node, joint_names
        self._client = ActionClient(node, FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY)
        self._depth = node.create_publisher(Image, names.DEPTH_IMAGE, qos.reliable(2))
        self._positions: np.ndarray | None = None
        self._frame: Image | None = None
        node.create_subscription(JointState, names.JOINT_STATES, self._on_state, qos.sensor_data())
        node.create_subscription(Image, names.DEPTH_IMAGE, self._on_depth, qos.sensor_data())

    def send_bad_trajectories(self) -> list[str]:
        """Send each bad trajectory while the arm does what it does; return those not refused."""
        wait_for(lambda: self._positions is not None, 10.0, "joint states")
        assert self._positions is not None and self._client.wait_for_server(10.0)
        return [
            what
            for what, goal in bad_trajectories(self._positions, self._joint_names).items()
            if self._code(goal) != FollowJointTrajectory.Result.INVALID_GOAL
        ]

    def send_false_images(self, depth: float, duration: float) -> None:
        """Publish, for a while [s], images of one depth [m] with the stamp of the moment."""
        wait_for(lambda: self._frame is not None, 20.0, "an image")
        frame = self._frame
        assert frame is not None
        image = np.full((frame.height, frame.width), depth, np.float32)
        end = time.monotonic() + duration
        while time.monotonic() < end:
            stamp = self._node.get_clock().now().nanoseconds * 1e-9
            self._depth.publish(to_depth_msg(image, stamp, frame.header.frame_id))
            time.sleep(_PERIOD)

    def _code(self, goal: FollowJointTrajectory.Goal) -> int:
        sent = self._client.send_goal_async(goal)
        wait_for(sent.done, 10.0, "the acceptance of a bad trajectory")
        result = sent.result().get_result_async()
        wait_for(result.done, 10.0, "the refusal of a bad trajectory")
        return int(result.result().result.error_code)

    def _on_state(self, message: Any) -> None:
        state = from_joint_state_msg(message, self._joint_names)
        if state is not None:
            self._positions = state.positions

    def _on_depth(self, message: Image) -> None:
        self._frame = message
