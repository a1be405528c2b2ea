"""Bodies of the planning scene as MoveIt's messages."""

import importlib
from typing import Any

import numpy as np
from shape_msgs.msg import SolidPrimitive

from equigrasp.devices.obstacle import Obstacle
from equigrasp.geometry.transform import Transform
from equigrasp.ros.messages.transforms import to_pose_msg


def to_primitive(body: Obstacle) -> SolidPrimitive:
    """Return a body's shape as a message."""
    if body.shape == "box":
        return SolidPrimitive(type=SolidPrimitive.BOX, dimensions=list(body.size))
    dimensions = [0.0, 0.0]
    dimensions[SolidPrimitive.CYLINDER_HEIGHT] = body.size[2]
    dimensions[SolidPrimitive.CYLINDER_RADIUS] = body.size[0] / 2.0
    return SolidPrimitive(type=SolidPrimitive.CYLINDER, dimensions=dimensions)


def to_collision_object(name: str, bodies: tuple[Obstacle, ...], frame: str) -> Any:
    """Return one moveit_msgs/CollisionObject of all bodies; without bodies, its removal."""
    kind = importlib.import_module("moveit_msgs.msg").CollisionObject  # comes with MoveIt
    message = kind(id=name)
    message.header.frame_id = frame
    message.pose.orientation.w = 1.0
    message.operation = kind.ADD if bodies else kind.REMOVE
    message.primitives = [to_primitive(body) for body in bodies]
    message.primitive_poses = [
        to_pose_msg(Transform.from_rpy(np.array(body.center), np.array(body.rpy)))
        for body in bodies
    ]
    return message
