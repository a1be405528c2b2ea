"""Frames as tf tells of them, sound or not."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import Pose, Quaternion, TransformStamped, Vector3  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from equigrasp.errors import NotConnectedError, PoseError  # noqa: E402
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.ros.messages.transforms import from_pose_msg, to_transform_msg  # noqa: E402
from equigrasp.ros.runtime.frame_tree import FrameTree  # noqa: E402

pytestmark = pytest.mark.ros

UNIT = (0.0, 0.0, 0.0, 1.0)


def _link(
    parent: str, child: str, x: float, yaw: float = 0.0, stamp: float = 0.0
) -> TransformStamped:
    pose = Transform.from_rpy(np.array([x, 0.0, 0.0]), np.array([0.0, 0.0, yaw]))
    return to_transform_msg(pose, stamp, parent, child)


def _tree(*links: TransformStamped) -> FrameTree:
    frames = FrameTree()
    assert frames.add(TFMessage(transforms=list(links))) == []
    return frames


def test_poses_of_several_publishers_are_chained() -> None:
    frames = _tree(_link("camera_link", "optical", 0.1))
    frames.add(TFMessage(transforms=[_link("/base_link", "camera_link", 1.0, np.pi / 2)]))
    pose = frames.pose("base_link", "optical")
    assert pose.position == pytest.approx([1.0, 0.1, 0.0])
    assert pose.rotation.apply([1.0, 0.0, 0.0]) == pytest.approx([0.0, 1.0, 0.0])


@pytest.mark.parametrize(
    "links",
    [
        [("world", "base_link", 2.0, 0.5), ("world", "camera", 3.0, 0.0)],
        [("camera", "base_link", 1.0, 2.0)],
        [
            ("base_link", "world", 1.0, 2.0),
            ("world", "mount", 0.2, 1.0),
            ("mount", "camera", 1, 1),
        ],
        [("camera", "world", 1.0, 2.0), ("world", "base_link", 0.2, 1.0)],
        [
            ("map", "world", 1.0, 0.3),
            ("world", "table", 1.0, 0.1),
            ("table", "base_link", 0.5, 0.2),
            ("world", "rig", 0.7, 0.9),
            ("rig", "camera", 0.1, -0.4),
        ],
    ],
)
def test_every_way_through_the_tree_is_walked(
    links: list[tuple[str, str, float, float]],
) -> None:
    frames = _tree(*(_link(*link) for link in links))
    known = {links[0][0]: Transform.identity()}
    while len(known) <= len(links):  # where each frame is in the first, by going about
        for parent, child, x, yaw in links:
            step = Transform.from_rpy(np.array([x, 0.0, 0.0]), np.array([0.0, 0.0, yaw]))
            if parent in known:
                known[child] = known[parent] * step
            elif child in known:
                known[parent] = known[child] * step.inverse()
    expected = known["base_link"].inverse() * known["camera"]
    assert frames.pose("base_link", "camera").matrix() == pytest.approx(expected.matrix())
    assert frames.pose("camera", "base_link").matrix() == pytest.approx(
        expected.inverse().matrix()
    )


def test_where_the_ways_end_is_said() -> None:
    frames = _tree(_link("camera_link", "optical", 0.1), _link("world", "base_link", 1.0))
    message = "frame 'optical' ends at 'camera_link', that from 'base_link' at 'world'"
    with pytest.raises(NotConnectedError, match=message):
        frames.pose("base_link", "optical")
    with pytest.raises(NotConnectedError, match="'nothing' ends at 'nothing'"):
        frames.pose("base_link", "nothing")


def test_a_circle_leads_nowhere() -> None:
    frames = _tree(_link("b", "a", 1.0), _link("a", "b", 1.0))
    with pytest.raises(NotConnectedError, match="'a' ends at 'b'"):
        frames.pose("base_link", "a")


def test_a_frame_told_anew_has_moved() -> None:
    frames = _tree(_link("base_link", "optical", 1.0), _link("base_link", "optical", 2.0))
    assert frames.pose("base_link", "optical").position[0] == 2.0


def _moving(*links: TransformStamped) -> FrameTree:
    frames = _tree(_link("arm", "camera", 0.0))
    for link in links:
        assert frames.add(TFMessage(transforms=[link]), is_static=False) == []
    return frames


def test_a_moving_frame_is_where_it_was_then() -> None:
    frames = _moving(
        _link("base_link", "arm", 1.0, 0.0, 10.0), _link("base_link", "arm", 2.0, 1.0, 10.2)
    )
    pose = frames.pose("base_link", "camera", 10.05)
    assert pose.position[0] == pytest.approx(1.25)
    assert pose.rotation.as_rotvec()[2] == pytest.approx(0.25)
    assert frames.pose("base_link", "camera", 10.2).position[0] == 2.0
    assert frames.pose("base_link", "camera").position[0] == 2.0
    with pytest.raises(NotConnectedError, match="'arm' moves .* ends 0.300 s before"):
        frames.pose("base_link", "camera", 10.5)
    with pytest.raises(NotConnectedError, match="'arm' moves .* begins 1.000 s after"):
        frames.pose("base_link", "camera", 9.0)


def test_a_clock_set_back_begins_anew() -> None:
    frames = _moving(
        _link("base_link", "arm", 1.0, 0.0, 1000.0), _link("base_link", "arm", 3.0, 0.0, 0.0)
    )
    assert frames.pose("base_link", "camera", 0.0).position[0] == 3.0


def test_what_is_kept_of_a_moving_frame_is_bounded() -> None:
    links = [_link("base_link", "arm", float(i), 0.0, 0.001 * i) for i in range(5000)]
    frames = _moving(*links)
    assert len(frames._links["arm"]._stamps) <= 400
    assert frames.pose("base_link", "camera", 4.5).position[0] == pytest.approx(4500.0)
    many = [_link("base_link", f"f{i}", 0.0) for i in range(201)]
    (problem,) = frames.add(TFMessage(transforms=many[:200]), is_static=False)
    assert "more than 200 moving frames" in problem


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
    frames = FrameTree()
    message = TFMessage(transforms=[bad, _link("base_link", "camera", 1.0)])
    assert len(frames.add(message)) == 1
    assert frames.add(message) == []
    assert frames.pose("base_link", "camera").position[0] == 1.0
    with pytest.raises(NotConnectedError):
        frames.pose("other", "device")


def test_a_frame_keeps_its_last_sound_pose() -> None:
    frames = FrameTree()
    frames.add(TFMessage(transforms=[_link("base_link", "camera", 1.0)]))
    bad = TransformStamped(child_frame_id="camera")
    bad.header.frame_id, bad.transform.translation = "base_link", Vector3(x=2.0)
    bad.transform.rotation = Quaternion(w=0.0)
    (problem,) = frames.add(TFMessage(transforms=[bad]))
    assert "'base_link' to 'camera'" in problem and "no unit quaternion" in problem
    assert frames.pose("base_link", "camera").position[0] == 1.0


def test_frames_are_bounded() -> None:
    frames = FrameTree()
    many = [_link("map", f"f{i}", 0.0) for i in range(2001)]
    assert "more than 2000" in frames.add(TFMessage(transforms=many))[0]


@pytest.mark.parametrize("ends", [("map", "c" * 100_000), ("p" * 100_000, "cam")])
def test_long_names_of_frames_are_not_kept(ends: tuple[str, str]) -> None:
    frames = FrameTree()
    long = _link(*ends, 0.0)
    (problem,) = frames.add(TFMessage(transforms=[long, long]))
    assert "at most 200" in problem and len(problem) < 400
    assert not frames._links and all(len(name) <= 100 for name in frames._ignored)


def test_a_pose_without_a_rotation_is_refused() -> None:
    message = Pose()
    message.orientation.w = 0.0
    with pytest.raises(PoseError, match="no unit quaternion"):
        from_pose_msg(message)
