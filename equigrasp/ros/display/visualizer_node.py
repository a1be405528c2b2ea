"""Draws in RViz what the graph sees, wants and plans."""

import math
from dataclasses import dataclass

import numpy as np
from equigrasp_interfaces.msg import Grasp as GraspMsg
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg
from equigrasp_interfaces.msg import LabelMap
from equigrasp_interfaces.msg import Push as PushMsg
from nav_msgs.msg import Path
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from visualization_msgs.msg import Marker, MarkerArray

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.planning.fixed_bodies import fixed_bodies
from equigrasp.planning.kinematics import Kinematics
from equigrasp.ros import names, qos
from equigrasp.ros.messages.grasps import from_grasp_msg
from equigrasp.ros.messages.heightmaps import from_heightmap_msg
from equigrasp.ros.messages.images import to_depth_msg
from equigrasp.ros.messages.markers import (
    to_grasp_markers,
    to_path_msg,
    to_push_markers,
    to_scene_markers,
    to_workspace_markers,
)
from equigrasp.ros.messages.pushes import from_push_msg
from equigrasp.ros.messages.scenes import to_labels_image_msg
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.messages.trajectories import from_trajectory_msg
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter

_NUM_POSES = 100  # of a path, at most


@dataclass(frozen=True)
class VisualizerNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")


class VisualizerNode(ManagedNode):
    """Everything it publishes is a state: whoever comes later sees the newest of each."""

    def __init__(self) -> None:
        super().__init__(names.VISUALIZER)
        self._settings = self.declare(VisualizerNodeConfig)

    def set_up(self) -> None:
        """Draw what stands still, and listen to what does not."""
        cell = load_cell(self._settings.values.cell)
        self._arm, self._gripper = cell.load_arm(), cell.load_gripper()
        self._kinematics = Kinematics(self._arm, self._gripper)
        kinds = {
            names.WORKSPACE_MARKERS: MarkerArray,
            names.SCENE_MARKERS: MarkerArray,
            names.GRASP_MARKERS: MarkerArray,
            names.PUSH_MARKERS: MarkerArray,
            names.HEIGHTMAP_IMAGE: Image,
            names.LABELS_IMAGE: Image,
            names.PLANNED_PATH: Path,
        }
        self._out = {
            name: self.create_publisher(kind, name, qos.latched()) for name, kind in kinds.items()
        }
        self._out[names.WORKSPACE_MARKERS].publish(to_workspace_markers(cell.workspaces))
        self._out[names.SCENE_MARKERS].publish(to_scene_markers(fixed_bodies(cell)))
        group = MutuallyExclusiveCallbackGroup()
        for kind, name, listener, profile in (
            (HeightmapMsg, names.HEIGHTMAP, self._on_heightmap, qos.reliable(2)),
            (LabelMap, names.LABELS, self._on_labels, qos.latched()),
            (GraspMsg, names.PLANNED_GRASP, self._on_grasp, qos.latched()),
            (PushMsg, names.PLANNED_PUSH, self._on_push, qos.latched()),
            (JointTrajectoryMsg, names.PLANNED_TRAJECTORY, self._on_trajectory, qos.latched()),
        ):
            self.create_subscription(kind, name, listener, profile, callback_group=group)

    def _on_heightmap(self, message: HeightmapMsg) -> None:
        seen = from_heightmap_msg(message)
        image = to_depth_msg(seen.heightmap, seen.stamp, names.BASE_FRAME)
        self._out[names.HEIGHTMAP_IMAGE].publish(image)

    def _on_labels(self, message: LabelMap) -> None:
        self._out[names.LABELS_IMAGE].publish(to_labels_image_msg(message))

    def _on_grasp(self, message: GraspMsg) -> None:
        markers = to_grasp_markers(
            from_grasp_msg(message),
            message.q_value if math.isfinite(message.q_value) else math.nan,
            from_time(message.header.stamp),
            self._gripper,
        )
        self._clear(names.PUSH_MARKERS)
        self._out[names.GRASP_MARKERS].publish(markers)

    def _on_push(self, message: PushMsg) -> None:
        """Draw a push in the place of the grasp before it."""
        markers = to_push_markers(
            from_push_msg(message), from_time(message.header.stamp), self._gripper
        )
        self._clear(names.GRASP_MARKERS)
        self._out[names.PUSH_MARKERS].publish(markers)

    def _clear(self, name: str) -> None:
        self._out[name].publish(MarkerArray(markers=[Marker(action=Marker.DELETEALL)]))

    def _on_trajectory(self, message: JointTrajectoryMsg) -> None:
        positions = from_trajectory_msg(message, self._arm.joint_names).positions
        chosen = np.unique(np.linspace(0, len(positions) - 1, _NUM_POSES).round().astype(int))
        poses = [self._kinematics.forward(positions[i]) for i in chosen]
        self._out[names.PLANNED_PATH].publish(to_path_msg(poses, from_time(message.header.stamp)))


def main() -> None:
    """Run the node."""
    run(lambda: [VisualizerNode()], num_threads=2)


if __name__ == "__main__":
    main()
