"""A node that labels scenes for the policy, in tests: boxes about the objects that the simulator knows."""

import array
from typing import Any

import numpy as np
from equigrasp_interfaces.srv import GetObjects, SegmentScene
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from equigrasp.devices.cell import CellConfig
from equigrasp.ros import names
from equigrasp.ros.messages.transforms import from_pose_msg

SERVICE = "masks/segment_scene"


class OwnMasks:
    """Labels squares about the objects of a workspace, by their order in the world, as it is told to.

    Args:
        node: Serves `SERVICE`; spins in other threads.
        cell: Whose workspaces are labelled.
        side: Of the squares [m].

    Attributes:
        hidden: Labels that are left out.
        specks: Labels of which two cells are left.
        changes: Of the label map's fields, before it is sent.
        error_code: Of the answers.
    """

    def __init__(self, node: Node, cell: CellConfig, side: float) -> None:
        self._cell, self._half = cell, side / 2.0
        group = ReentrantCallbackGroup()
        self._objects = node.create_client(GetObjects, names.GET_OBJECTS, callback_group=group)
        self._service = node.create_service(
            SegmentScene, SERVICE, self._answer, callback_group=group
        )
        self.behave()

    def behave(self) -> None:
        """Label all, and well, from now on."""
        self.hidden: set[int] = set()
        self.specks: set[int] = set()
        self.changes: dict[str, Any] = {}
        self.error_code = 0

    def _answer(
        self, request: SegmentScene.Request, response: SegmentScene.Response
    ) -> SegmentScene.Response:
        w = self._cell.workspace(request.workspace)
        grid = np.zeros((w.heightmap_size_px, w.heightmap_size_px), np.uint8)
        for label, pose in enumerate(self._objects.call(GetObjects.Request()).poses, start=1):
            x, y, _ = from_pose_msg(pose).position
            low = np.array(w.xy_to_pixel(x - self._half, y - self._half)).clip(0)
            high = np.array(w.xy_to_pixel(x + self._half, y + self._half)).clip(0)
            if label in self.specks:
                high = low + [2, 1]
            if label not in self.hidden:
                grid[low[0] : high[0], low[1] : high[1]] = label
        labels = response.labels
        labels.header.stamp, labels.workspace = request.not_before, w.name
        labels.center_x, labels.center_y = w.center_x, w.center_y
        labels.pixel_size, labels.size_px = w.pixel_size, w.heightmap_size_px
        labels.data = array.array("B", grid.tobytes())
        for key, value in self.changes.items():
            setattr(labels, key, value)
        response.error_code = self.error_code
        return response
