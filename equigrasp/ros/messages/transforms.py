"""Between transform and pose messages and transforms."""

import numpy as np
from geometry_msgs.msg import Pose, TransformStamped

from equigrasp.geometry.transform import Transform
from equigrasp.ros.messages.times import to_time


def to_transform_msg(pose: Transform, stamp: float, parent: str, child: str) -> TransformStamped:
    """Return `T_parent_child` as a message."""
    message = TransformStamped(child_frame_id=child)
    message.header.stamp, message.header.frame_id = to_time(stamp), parent
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = (float(v) for v in pose.position)
    r.x, r.y, r.z, r.w = (float(v) for v in pose.quat_xyzw)
    return message


def from_transform_msg(message: TransformStamped) -> Transform:
    """Return `T_parent_child` from a message."""
    t, r = message.transform.translation, message.transform.rotation
    return Transform(np.array([t.x, t.y, t.z]), np.array([r.x, r.y, r.z, r.w]))


def to_pose_msg(pose: Transform) -> Pose:
    """Return a pose as a message."""
    message = Pose()
    p, o = message.position, message.orientation
    p.x, p.y, p.z = (float(v) for v in pose.position)
    o.x, o.y, o.z, o.w = (float(v) for v in pose.quat_xyzw)
    return message


def from_pose_msg(message: Pose) -> Transform:
    """Return a pose from a message."""
    p, o = message.position, message.orientation
    return Transform(np.array([p.x, p.y, p.z]), np.array([o.x, o.y, o.z, o.w]))
