"""Frames as tf tells of them, sound or not."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import Pose, Quaternion, TransformStamped, Vector3  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from equigrasp.errors import PoseError  # noqa: E402
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.ros.messages.transforms import from_pose_msg, to_transform_msg  # noqa: E402
from equigrasp.ros.runtime.static_frames import StaticFrames  # noqa: E402

pytestmark = pytest.mark.ros

UNIT = (0.0, 0.0, 0.0, 1.0)


def _link(parent: str, child: str, x: float, yaw: float = 0.0) -> TransformStamped:
    pose = Transform.from_rpy(np.array([x, 0.0, 0.0]), np.array([0.0, 0.0, yaw]))
    return to_transform_msg(pose, 0.0, parent, child)


@pytest.mark.parametrize(
    ("parent", "child", "x", "quat"),
    [
        ("other", "device", 0.0, (0.0, 0.0, 0.0, 0.0)),
        ("other", "device", 0.0, (math.nan, 0.0, 0.0, 1.0)),
        ("other", "device", 0.0, (0.0, 0.0, 0.0, math.inf)),
        ("other", "device", 0.0, (0.0, 0.0, 0.0, 2.0)),
        ("other", "device", 0.0, (0.0, 0.0, 0.0, 1e-200)),
        ("other", "device", math.nan, UNIT),
        ("other", "device", -math.inf, UNIT),
        ("other", "device", 1e308, UNIT),
        ("", "device", 0.0, UNIT),
        ("other", "", 0.0, UNIT),
        ("device", "/device", 0.0, UNIT),
    ],
)
def test_what_is_no_pose_is_ignored_once(
    parent: str, child: str, x: float, quat: tuple[float, ...]
) -> None:
    bad = _link(parent, child, x if math.isfinite(x) and x < 1e6 else 0.0)
    bad.transform.translation.x = x
    r = bad.transform.rotation
    r.x, r.y, r.z, r.w = quat
    frames = StaticFrames()
    message = TFMessage(transforms=[bad, _link("base_link", "camera", 1.0)])
    assert len(frames.add(message)) == 1
    assert frames.add(message) == []
    pose = frames.pose("base_link", "camera")
    assert pose is not None and pose.position[0] == 1.0
    assert frames.pose("other", "device") is None


def test_a_frame_keeps_its_last_sound_pose() -> None:
    frames = StaticFrames()
    frames.add(TFMessage(transforms=[_link("base_link", "camera", 1.0)]))
    bad = TransformStamped(child_frame_id="camera")
    bad.header.frame_id, bad.transform.translation = "base_link", Vector3(x=2.0)
    bad.transform.rotation = Quaternion(w=0.0)
    (problem,) = frames.add(TFMessage(transforms=[bad]))
    assert "'base_link' to 'camera'" in problem and "no unit quaternion" in problem
    pose = frames.pose("base_link", "camera")
    assert pose is not None and pose.position[0] == 1.0


def test_frames_are_bounded() -> None:
    frames = StaticFrames()
    many = [_link("map", f"f{i}", 0.0) for i in range(2001)]
    assert "more than 2000" in frames.add(TFMessage(transforms=many))[0]


def test_a_pose_without_a_rotation_is_refused() -> None:
    message = Pose()
    message.orientation.w = 0.0
    with pytest.raises(PoseError, match="no unit quaternion"):
        from_pose_msg(message)
