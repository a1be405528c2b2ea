"""What RViz draws of workspaces, grasps, fixed bodies and plans. All of it is in the base frame."""

import math
from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point, PoseStamped
from nav_msgs.msg import Path
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.obstacle import Obstacle
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.ros import names
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.messages.transforms import to_pose_msg

_LINE = 0.002  # [m] wide
_PAD = (0.008, 0.022)  # [m] thickness and width of a finger as it is drawn
_LETTERS = 0.03  # [m] high
_ABOVE = 0.06  # [m] of the letters over the palm
_SHAFT, _HEAD = 0.008, (0.02, 0.03)  # [m] an arrow's thickness; its head's thickness and length


def to_workspace_markers(workspaces: Sequence[Workspace]) -> MarkerArray:
    """Return the boxes that heightmaps cover, the squares where grasps are chosen, and the names."""
    markers = []
    for k, w in enumerate(workspaces):
        inner = w.action_size_px * w.pixel_size
        box = _marker("workspace", 3 * k, Marker.LINE_LIST, (0.3, 0.8, 1.0, 0.6))
        box.scale.x = _LINE
        low, high = (_corners(w, w.size, z) for z in (w.floor_z, w.ceiling_z))
        for i in range(4):
            j = (i + 1) % 4
            box.points += [low[i], low[j], high[i], high[j], low[i], high[i]]
        square = _marker("workspace", 3 * k + 1, Marker.LINE_STRIP, (0.3, 1.0, 0.4, 0.9))
        square.scale.x = _LINE
        ring = _corners(w, inner, w.floor_z)
        square.points = [*ring, ring[0]]
        place = np.array([w.center_x - 0.5 * w.size, w.center_y, w.ceiling_z])
        letters = _letters("workspace", 3 * k + 2, w.name, place)
        markers += [box, square, letters]
    return MarkerArray(markers=markers)


def to_scene_markers(bodies: Sequence[Obstacle]) -> MarkerArray:
    """Return what planners keep away from."""
    markers = []
    for k, body in enumerate(bodies):
        is_box = body.shape == "box"
        marker = _marker(
            "scene", k, Marker.CUBE if is_box else Marker.CYLINDER, (1.0, 0.5, 0.2, 0.4)
        )
        marker.pose = to_pose_msg(Transform.from_rpy(np.array(body.center), np.array(body.rpy)))
        marker.scale.x, marker.scale.y, marker.scale.z = (float(s) for s in body.size)
        markers.append(marker)
    return MarkerArray(markers=markers)


def to_grasp_markers(
    grasp: PlanarGrasp, value: float, stamp: float, gripper: GripperConfig
) -> MarkerArray:
    """Return a gripper about to close: two fingers at their opening, a palm, the value beside it.

    Args:
        grasp: What is wanted.
        value: Predicted probability of success, which colours it from red to green; NaN: blue.
        stamp: Of the image that it was chosen on [s].
        gripper: Tells how far the fingers reach.
    """
    thickness, breadth = _PAD
    depth, apart = gripper.finger_depth, grasp.width + thickness
    # In the frame of the TCP: z out of the tool, the fingers open along x.
    boxes = [
        ((side * apart / 2.0, 0.0, -depth / 2.0), (thickness, breadth, depth)) for side in (-1, 1)
    ]
    boxes.append(((0.0, 0.0, -depth - thickness / 2.0), (apart + thickness, breadth, thickness)))
    boxes.append(((0.0, 0.0, -depth - 0.03), (thickness, thickness, 0.05)))
    is_known = math.isfinite(value)
    share = min(1.0, max(0.0, value)) if is_known else 0.0
    color = (1.0 - share, share, 0.1, 0.9) if is_known else (0.3, 0.5, 1.0, 0.9)
    tcp = Transform.top_down(grasp.x, grasp.y, grasp.z, grasp.theta)
    markers = []
    for k, (center, size) in enumerate(boxes):
        marker = _marker("grasp", k, Marker.CUBE, color)
        marker.pose = to_pose_msg(
            tcp * Transform(np.array(center), np.array([0.0, 0.0, 0.0, 1.0]))
        )
        marker.scale.x, marker.scale.y, marker.scale.z = size
        markers.append(marker)
    text = f"{value:.2f}" if is_known else "random"
    place = np.array([grasp.x, grasp.y, grasp.z + depth + _ABOVE])
    markers.append(_letters("grasp", len(boxes), text, place))
    for marker in markers:
        marker.header.stamp = to_time(stamp)
    return MarkerArray(markers=markers)


def to_push_markers(push: Push, stamp: float, gripper: GripperConfig) -> MarkerArray:
    """Return the closed fingers where a push begins, and an arrow along its stroke.

    Args:
        push: What is wanted.
        stamp: Of the image that it was chosen on [s].
        gripper: Tells how far the fingers reach.
    """
    color, depth = (1.0, 0.8, 0.1, 0.9), gripper.finger_depth
    fingers = _marker("push", 0, Marker.CUBE, color)
    tcp = Transform.top_down(push.x, push.y, push.z, push.direction)
    middle = Transform(np.array([0.0, 0.0, -depth / 2.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    fingers.pose = to_pose_msg(tcp * middle)
    fingers.scale.x, fingers.scale.y, fingers.scale.z = 2.0 * _PAD[0], _PAD[1], depth
    stroke = _marker("push", 1, Marker.ARROW, color)
    start = np.array([push.x, push.y, push.z])
    way = np.array([math.cos(push.direction), math.sin(push.direction), 0.0]) * push.length
    stroke.points = [_point(start), _point(start + way)]
    stroke.scale.x, (stroke.scale.y, stroke.scale.z) = _SHAFT, _HEAD
    for marker in (fingers, stroke):
        marker.header.stamp = to_time(stamp)
    return MarkerArray(markers=[fingers, stroke])


def to_path_msg(poses: Sequence[Transform], stamp: float) -> Path:
    """Return poses of the TCP as a path."""
    path = Path()
    path.header.frame_id, path.header.stamp = names.BASE_FRAME, to_time(stamp)
    path.poses = [PoseStamped(header=path.header, pose=to_pose_msg(pose)) for pose in poses]
    return path


def _marker(
    namespace: str, number: int, kind: int, color: tuple[float, float, float, float]
) -> Marker:
    marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.header.frame_id = names.BASE_FRAME
    marker.pose.orientation.w = 1.0
    r, g, b, a = color
    marker.color = ColorRGBA(r=r, g=g, b=b, a=a)
    return marker


def _letters(namespace: str, number: int, text: str, place: np.ndarray) -> Marker:
    marker = _marker(namespace, number, Marker.TEXT_VIEW_FACING, (1.0, 1.0, 1.0, 1.0))
    marker.text, marker.scale.z = text, _LETTERS
    marker.pose.position = _point(place)
    return marker


def _corners(workspace: Workspace, size: float, z: float) -> list[Point]:
    half, x, y = size / 2.0, workspace.center_x, workspace.center_y
    turns = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return [_point(np.array([x + i * half, y + j * half, z])) for i, j in turns]


def _point(position: np.ndarray) -> Point:
    x, y, z = (float(v) for v in position)
    return Point(x=x, y=y, z=z)
