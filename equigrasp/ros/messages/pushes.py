"""Between push messages and pushes."""

import math
from typing import Any

from equigrasp_interfaces.msg import Push as PushMsg

from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import Push
from equigrasp.learning.interfaces import PushLimits
from equigrasp.ros import names
from equigrasp.ros.messages.times import to_time


def to_push_msg(push: Push, workspace: str, stamp: float) -> PushMsg:
    """Return a push as a message."""
    message = PushMsg(workspace=workspace, direction=push.direction, length=push.length)
    message.header.stamp = to_time(stamp)
    message.header.frame_id = names.BASE_FRAME
    message.start.x, message.start.y, message.start.z = push.x, push.y, push.z
    return message


def from_push_msg(message: PushMsg) -> Push:
    """Return a message as a push.

    Raises:
        CommandRejectedError: if a number in it is not valid, or the frame is not the base frame.
    """
    if message.header.frame_id not in ("", names.BASE_FRAME):
        raise CommandRejectedError(
            f"Pushes are given in frame '{names.BASE_FRAME}', found '{message.header.frame_id}'."
        )
    start = message.start
    return Push(start.x, start.y, start.z, message.direction, message.length)


def to_push_limits(message: Any, num_pushes: int) -> PushLimits:
    """Return how long to push before a grasp.

    Args:
        message: Holds `max_pushes` and `score_threshold`; a threshold that is negative or NaN is none.
        num_pushes: For the present target so far.

    Raises:
        ConfigError: if a number is out of its range.
    """
    threshold = message.score_threshold
    own = None if math.isnan(threshold) or threshold < 0.0 else threshold
    return PushLimits(num_pushes, message.max_pushes, own)
