"""Between push messages and pushes."""

from equigrasp_interfaces.msg import Push as PushMsg

from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import Push
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
