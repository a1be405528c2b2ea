"""Frames that do not move, as `tf_static` tells of them."""

from tf2_msgs.msg import TFMessage

from equigrasp.errors import PoseError
from equigrasp.geometry.transform import Transform
from equigrasp.ros.messages.transforms import from_transform_msg

_MAX_LINKS = 50  # a longer chain is a loop
_MAX_FRAMES = 2000
_SHOWN = 100  # letters of a name


class StaticFrames:
    """A tree of frames; several publishers may each tell a part of it.

    The way from the base to a camera is often told by two: `base_link` to `camera_link` by the
    calibration, `camera_link` to the optical frame by the camera's driver.
    """

    def __init__(self) -> None:
        self._links: dict[str, tuple[str, Transform]] = {}  # child: parent, T_parent_child
        self._ignored: set[str] = set()

    def add(self, message: TFMessage) -> list[str]:
        """Take note of a message; a frame that is told anew has moved.

        Returns:
            What was ignored and why, each frame once; tf2 ignores the same.
        """
        problems = []
        for transform in message.transforms:
            parent, child = (
                name.lstrip("/") for name in (transform.header.frame_id, transform.child_frame_id)
            )
            try:
                if not parent or not child or parent == child:
                    raise PoseError("a frame needs a name, and a parent other than itself")
                if len(self._links) >= _MAX_FRAMES and child not in self._links:
                    raise PoseError(f"more than {_MAX_FRAMES} frames")
                self._links[child] = parent, from_transform_msg(transform)
            except PoseError as error:
                if child not in self._ignored and len(self._ignored) < _MAX_FRAMES:
                    self._ignored.add(child)
                    names = f"'{parent[:_SHOWN]}' to '{child[:_SHOWN]}'"
                    problems.append(f"Ignored the transform from {names}: {error}.")
        return problems

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
