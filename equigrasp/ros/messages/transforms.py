"""Between transform and pose messages and transforms."""

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, TransformStamped, Vector3

from equigrasp.errors import PoseError
from equigrasp.geometry.transform import Transform
from equigrasp.ros.messages.times import to_time

_NORM_TOLERANCE = 0.01  # of a quaternion's squared length, as tf2 takes it
_FARTHEST = 1e6  # [m]; a chain of any of them stays finite


def to_transform_msg(pose: Transform, stamp: float, parent: str, child: str) -> TransformStamped:
    """Return `T_parent_child` as a message."""
    message = TransformStamped(child_frame_id=child)
    message.header.stamp, message.header.frame_id = to_time(stamp), parent
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = (float(v) for v in pose.position)
    r.x, r.y, r.z, r.w = (float(v) for v in pose.quat_xyzw)
    return message


def from_transform_msg(message: TransformStamped) -> Transform:
    """Return `T_parent_child` from a message; raise `PoseError` if it is none."""
    return _from_numbers(message.transform.translation, message.transform.rotation)


def to_pose_msg(pose: Transform) -> Pose:
    """Return a pose as a message."""
    message = Pose()
    p, o = message.position, message.orientation
    p.x, p.y, p.z = (float(v) for v in pose.position)
    o.x, o.y, o.z, o.w = (float(v) for v in pose.quat_xyzw)
    return message


def from_pose_msg(message: Pose) -> Transform:
    """Return a pose from a message; raise `PoseError` if it is none."""
    return _from_numbers(message.position, message.orientation)


def _from_numbers(point: Point | Vector3, rotation: Quaternion) -> Transform:
    position = np.array([point.x, point.y, point.z])
    quat = np.array([rotation.x, rotation.y, rotation.z, rotation.w])
    if not np.abs(position).max() <= _FARTHEST:  # nor NaN
        raise PoseError(f"position {position} is not finite, or beyond {_FARTHEST:.0e} m")
    if not abs(float(quat @ quat) - 1.0) <= _NORM_TOLERANCE:
        raise PoseError(f"rotation {quat} is no unit quaternion")
    return Transform(position, quat)
