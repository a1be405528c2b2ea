"""Frames that do not move, as `tf_static` tells of them."""

from tf2_msgs.msg import TFMessage

from equigrasp.geometry.transform import Transform
from equigrasp.ros.messages.transforms import from_transform_msg

_MAX_LINKS = 50  # a longer chain is a loop


class StaticFrames:
    """A tree of frames; several publishers may each tell a part of it.

    The way from the base to a camera is often told by two: `base_link` to `camera_link` by the
    calibration, `camera_link` to the optical frame by the camera's driver.
    """

    def __init__(self) -> None:
        self._links: dict[str, tuple[str, Transform]] = {}  # child: parent, T_parent_child

    def add(self, message: TFMessage) -> None:
        """Take note of a message; a frame that is told anew has moved."""
        for transform in message.transforms:
            parent = transform.header.frame_id.lstrip("/")
            self._links[transform.child_frame_id.lstrip("/")] = (
                parent,
                from_transform_msg(transform),
            )

    def pose(self, base: str, frame: str) -> Transform | None:
        """Return `T_base_frame`, or None if what is known does not lead there."""
        pose = Transform.identity()
        for _ in range(_MAX_LINKS):
            if frame == base:
                return pose
            if frame not in self._links:
                return None
            frame, step = self._links[frame]
            pose = step * pose
        return None
