"""Frames as `tf_static` and `tf` tell of them, and the way from one to another."""

import bisect
from collections import deque
from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation, Slerp
from tf2_msgs.msg import TFMessage

from equigrasp.errors import NotConnectedError, PoseError, shortened
from equigrasp.geometry.transform import Transform
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.messages.transforms import from_transform_msg

_MAX_FRAMES = 2000
_MAX_MOVING = 200  # of these, frames that move
_LONGEST_NAME = 200  # letters
_SHOWN = 100  # letters of a name that is ignored
_HISTORY = 400  # poses of a moving frame
_CLOSEST = 0.005  # [s] between two of them: more of them would say nothing new
_RESET = 1.0  # [s] a stamp so much older than the newest is of a clock that was set back


class FrameTree:
    """A tree of frames; several publishers may each tell a part of it.

    The way from the base to a camera is often told by two: `base_link` to `camera_link` by the
    calibration, `camera_link` to the optical frame by the camera's driver. Both may as well hang from a
    third frame, such as `world`.
    """

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}  # by child
        self._ignored: set[str] = set()

    def add(self, message: TFMessage, *, is_static: bool = True) -> list[str]:
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
                pose = from_transform_msg(transform)
                self._add(parent, child, from_time(transform.header.stamp), pose, is_static)
            except PoseError as error:
                child = shortened(child, _SHOWN)
                if child not in self._ignored and len(self._ignored) < _MAX_FRAMES:
                    self._ignored.add(child)
                    names = f"'{shortened(parent, _SHOWN)}' to '{child}'"
                    problems.append(f"Ignored the transform from {names}: {error}.")
        return problems

    def pose(self, base: str, frame: str, stamp: float | None = None) -> Transform:
        """Return `T_base_frame`.

        Args:
            base: Name of a frame.
            frame: Name of a frame.
            stamp: When [s]; moving frames are interpolated. None: the newest of each.

        Raises:
            NotConnectedError: if what is known does not lead there; says where the ways end.
        """
        of_frame, of_base = list(self._ancestors(frame)), list(self._ancestors(base))
        common = next((name for name in of_frame if name in of_base), None)
        if common is None:
            raise NotConnectedError(
                f"the way from frame '{frame}' ends at '{of_frame[-1]}', that from '{base}' at "
                f"'{of_base[-1]}'; no transform joins these"
            )
        return self._climb(base, common, stamp).inverse() * self._climb(frame, common, stamp)

    def _add(
        self, parent: str, child: str, stamp: float, pose: Transform, is_static: bool
    ) -> None:
        if not parent or not child or parent == child:
            raise PoseError("a frame needs a name, and a parent other than itself")
        longest = max(len(parent), len(child))
        if longest > _LONGEST_NAME:
            raise PoseError(f"a name of {longest} letters; at most {_LONGEST_NAME}")
        link = self._links.get(child)
        if link is None or (link.parent, link.is_static) != (parent, is_static):
            others = [name for name in self._links if name != child]
            if len(others) >= _MAX_FRAMES:
                raise PoseError(f"more than {_MAX_FRAMES} frames")
            if not is_static and sum(not self._links[n].is_static for n in others) >= _MAX_MOVING:
                raise PoseError(f"more than {_MAX_MOVING} moving frames")
            link = self._links[child] = _Link(parent, child, is_static)
        link.add(stamp, pose)

    def _ancestors(self, frame: str) -> Iterator[str]:
        """Yield a frame and what it hangs from, upwards; a circle once round."""
        seen = {frame}
        yield frame
        while frame in self._links and self._links[frame].parent not in seen:
            frame = self._links[frame].parent
            seen.add(frame)
            yield frame

    def _climb(self, frame: str, top: str, stamp: float | None) -> Transform:
        pose = Transform.identity()
        while frame != top:
            link = self._links[frame]
            pose = link.at(stamp) * pose
            frame = link.parent
        return pose


class _Link:
    """Where a frame is in its parent: now, or over the last seconds."""

    def __init__(self, parent: str, child: str, is_static: bool) -> None:
        self.parent, self.is_static = parent, is_static
        self._child = child
        self._stamps: deque[float] = deque(maxlen=1 if is_static else _HISTORY)
        self._poses: deque[Transform] = deque(maxlen=1 if is_static else _HISTORY)

    def add(self, stamp: float, pose: Transform) -> None:
        """Take note of a pose at a time [s]; one older than the newest says nothing."""
        if not self.is_static and self._stamps:
            if stamp < self._stamps[-1] - _RESET:
                self._stamps.clear()
                self._poses.clear()
            elif stamp <= self._stamps[-1]:
                return
            elif len(self._stamps) > 1 and stamp - self._stamps[-2] < _CLOSEST:
                self._stamps.pop()
                self._poses.pop()
        self._stamps.append(stamp)
        self._poses.append(pose)

    def at(self, stamp: float | None) -> Transform:
        """Return the pose at a time [s]; None: the newest."""
        if self.is_static or stamp is None:
            return self._poses[-1]
        if not self._stamps[0] <= stamp <= self._stamps[-1]:
            away, word = stamp - self._stamps[-1], "before"
            if away < 0.0:
                away, word = self._stamps[0] - stamp, "after"
            raise NotConnectedError(
                f"frame '{self._child}' moves in '{self.parent}', and its record "
                f"{'ends' if word == 'before' else 'begins'} {away:.3f} s {word} the time wanted"
            )
        i = bisect.bisect_left(self._stamps, stamp)
        if self._stamps[i] == stamp:
            return self._poses[i]
        before, after = self._poses[i - 1], self._poses[i]
        share = (stamp - self._stamps[i - 1]) / (self._stamps[i] - self._stamps[i - 1])
        turns = Rotation.from_quat(np.stack([before.quat_xyzw, after.quat_xyzw]))
        position = (1.0 - share) * before.position + share * after.position
        return Transform(position, Slerp([0.0, 1.0], turns)(share).as_quat())
