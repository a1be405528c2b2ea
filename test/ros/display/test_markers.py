"""What RViz draws is where it is said to be."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy")

from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from equigrasp.devices.calibrated_cell import load_cell  # noqa: E402
from equigrasp.geometry.actions import PlanarGrasp, Push  # noqa: E402
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.planning.fixed_bodies import fixed_bodies  # noqa: E402
from equigrasp.ros.display.robot_state_node import Throttle  # noqa: E402
from equigrasp.ros.messages.markers import (  # noqa: E402
    to_grasp_markers,
    to_path_msg,
    to_push_markers,
    to_scene_markers,
    to_workspace_markers,
)
from equigrasp.ros.messages.transforms import from_pose_msg  # noqa: E402

pytestmark = pytest.mark.ros
CELL = load_cell("ur5")
GRIPPER = CELL.load_gripper()


@pytest.mark.parametrize("theta", [0.0, 0.6, math.pi / 2])
def test_fingers_stand_at_their_opening(theta: float) -> None:
    grasp = PlanarGrasp(0.45, 0.2, 0.05, theta, 0.06)
    array = to_grasp_markers(grasp, 0.8, 3.5, GRIPPER)
    fingers = array.markers[:2]
    tcp = Transform.top_down(grasp.x, grasp.y, grasp.z, theta)
    in_tcp = [tcp.inverse() * from_pose_msg(m.pose) for m in fingers]
    inner = [abs(p.position[0]) - m.scale.x / 2 for p, m in zip(in_tcp, fingers, strict=True)]
    assert np.allclose(inner, 0.03) and in_tcp[0].position[0] < 0.0 < in_tcp[1].position[0]
    for pose, marker in zip(in_tcp, fingers, strict=True):
        assert pose.position[2] + marker.scale.z / 2 == pytest.approx(0.0)  # fingertips at the TCP
    assert all(m.header.frame_id == "base_link" for m in array.markers)
    assert {m.header.stamp.sec for m in array.markers} == {3}


@pytest.mark.parametrize("direction", [0.0, 2.0, -1.0])
def test_an_arrow_shows_the_stroke(direction: float) -> None:
    push = Push(0.45, 0.2, 0.02, direction, 0.1)
    fingers, stroke = to_push_markers(push, 3.5, GRIPPER).markers
    start, end = (np.array([p.x, p.y, p.z]) for p in stroke.points)
    assert np.allclose(start, [0.45, 0.2, 0.02])
    assert np.allclose(end - start, 0.1 * np.array([math.cos(direction), math.sin(direction), 0]))
    pose = from_pose_msg(fingers.pose)
    assert pose.position[2] - fingers.scale.z / 2 == pytest.approx(0.02)  # tips at the TCP
    assert abs(pose.matrix()[:2, 0] @ (end - start)[:2]) == pytest.approx(0.1)  # wide side ahead
    assert {m.header.stamp.sec for m in (fingers, stroke)} == {3}


@pytest.mark.parametrize(("value", "text"), [(0.8, "0.80"), (7.0, "7.00"), (math.nan, "random")])
def test_the_value_is_colour_and_text(value: float, text: str) -> None:
    markers = to_grasp_markers(PlanarGrasp(0.4, 0.2, 0.05, 0.0, 0.06), value, 0.0, GRIPPER).markers
    assert markers[-1].text == text
    for m in markers:
        assert all(0.0 <= c <= 1.0 for c in (m.color.r, m.color.g, m.color.b, m.color.a))


def test_every_array_has_distinct_visible_markers() -> None:
    for array in (
        to_grasp_markers(PlanarGrasp(0.4, 0.2, 0.05, 0.0, 0.0), 0.1, 0.0, GRIPPER),
        to_push_markers(Push(0.4, 0.2, 0.02, 1.0, 0.1), 0.0, GRIPPER),
        to_workspace_markers(CELL.workspaces),
        to_scene_markers(fixed_bodies(CELL)),
    ):
        _check(array)


def test_workspace_boxes_cover_the_heightmaps() -> None:
    w = CELL.workspaces[0]
    box, square, letters = to_workspace_markers([w]).markers
    points = np.array([[p.x, p.y, p.z] for p in box.points])
    assert np.allclose(
        points.min(0), [w.center_x - w.size / 2, w.center_y - w.size / 2, w.floor_z]
    )
    assert np.allclose(
        points.max(0), [w.center_x + w.size / 2, w.center_y + w.size / 2, w.ceiling_z]
    )
    side = w.action_size_px * w.pixel_size
    assert np.ptp([p.x for p in square.points]) == pytest.approx(side)
    assert letters.text == w.name


def test_the_scene_is_what_planners_know() -> None:
    bodies = fixed_bodies(CELL)
    for body, marker in zip(bodies, to_scene_markers(bodies).markers, strict=True):
        assert (marker.type == Marker.CYLINDER) == (body.shape == "cylinder")
        found = from_pose_msg(marker.pose)
        expected = Transform.from_rpy(np.array(body.center), np.array(body.rpy))
        assert np.allclose(found.matrix(), expected.matrix())
        assert (marker.scale.x, marker.scale.y, marker.scale.z) == pytest.approx(body.size)


def test_a_path_keeps_its_poses() -> None:
    poses = [Transform.top_down(0.4, 0.1 * k, 0.3, 0.2 * k) for k in range(4)]
    path = to_path_msg(poses, 2.0)
    assert path.header.frame_id == "base_link" and path.header.stamp.sec == 2
    for pose, found in zip(poses, path.poses, strict=True):
        assert np.allclose(from_pose_msg(found.pose).matrix(), pose.matrix())


def test_frames_come_no_faster_than_said() -> None:
    throttle, arm, fingers = Throttle(0.02), frozenset({"a"}), frozenset({"f"})
    passed = [throttle.lets_pass(0.008 * k, arm) for k in range(100)]
    assert 25 <= sum(passed) <= 50
    assert throttle.lets_pass(0.8, fingers)  # each for itself
    assert throttle.lets_pass(0.1, arm)  # the clock was set back


def _check(array: MarkerArray) -> None:
    keys = [(m.ns, m.id) for m in array.markers]
    assert keys and len(set(keys)) == len(keys)
    for m in array.markers:
        q = m.pose.orientation
        assert q.x**2 + q.y**2 + q.z**2 + q.w**2 == pytest.approx(1.0)
        assert m.color.a > 0.0
        solid = m.type in (Marker.CUBE, Marker.CYLINDER)
        lines = m.type in (Marker.LINE_LIST, Marker.LINE_STRIP)
        needed = (
            (m.scale.x, m.scale.y, m.scale.z) if solid else (m.scale.x if lines else m.scale.z,)
        )
        assert min(needed) > 0.0
        assert m.type != Marker.LINE_LIST or len(m.points) % 2 == 0
