"""The nodes that show the cell, in this process; whoever comes late sees all that they told."""

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from equigrasp_interfaces.msg import Grasp, Heightmap, LabelMap  # noqa: E402
from equigrasp_interfaces.msg import Push as PushMsg  # noqa: E402
from graph import wait_for  # noqa: E402
from nav_msgs.msg import Path  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from equigrasp.devices.calibrated_cell import load_cell  # noqa: E402
from equigrasp.devices.motion import JointTrajectory as Trajectory  # noqa: E402
from equigrasp.geometry.actions import PlanarGrasp, Push  # noqa: E402
from equigrasp.perception.observation import Observation  # noqa: E402
from equigrasp.planning.cell_description import cell_description  # noqa: E402
from equigrasp.planning.kinematics import Kinematics  # noqa: E402
from equigrasp.ros import names, qos  # noqa: E402
from equigrasp.ros.bringup.graph_options import GraphOptions  # noqa: E402
from equigrasp.ros.bringup.launch_parts import describe  # noqa: E402
from equigrasp.ros.bringup.supervisor import ManagedProcess  # noqa: E402
from equigrasp.ros.display.robot_state_node import RobotStateNode  # noqa: E402
from equigrasp.ros.display.visualizer_node import VisualizerNode  # noqa: E402
from equigrasp.ros.messages.grasps import to_grasp_msg  # noqa: E402
from equigrasp.ros.messages.heightmaps import to_heightmap_msg  # noqa: E402
from equigrasp.ros.messages.images import from_color_msg, from_depth_msg  # noqa: E402
from equigrasp.ros.messages.pushes import to_push_msg  # noqa: E402
from equigrasp.ros.messages.scenes import to_label_map_msg  # noqa: E402
from equigrasp.ros.messages.trajectories import to_trajectory_msg  # noqa: E402
from equigrasp.ros.messages.transforms import from_pose_msg  # noqa: E402
from equigrasp.ros.runtime.frame_tree import FrameTree  # noqa: E402
from equigrasp.ros.runtime.message_guard import DROPS  # noqa: E402

pytestmark = pytest.mark.ros
CELL = load_cell("ur5")
ARM = CELL.load_arm()
JOINTS = (*ARM.joint_names, CELL.load_gripper().joint_name)


@pytest.fixture(scope="module")
def tester() -> Iterator[Node]:
    with ros(free_domain()):
        nodes, node = [RobotStateNode(), VisualizerNode()], rclpy.create_node("tester")
        with spinning(*nodes, node):
            for shown in nodes:
                shown.autostart()
            yield node
            for shown in nodes:
                shown.end()


def test_links_are_where_the_joints_say(tester: Node) -> None:
    tree, q = FrameTree(), np.asarray(ARM.home_positions)
    descriptions = _hear(tester, String, names.ROBOT_DESCRIPTION)
    _listen(tester, TFMessage, names.TF_STATIC, qos.latched(), tree.add)
    moved: list[Any] = []
    _listen(tester, TFMessage, names.TF, qos.reliable(), moved.append)
    states = tester.create_publisher(JointState, names.JOINT_STATES, qos.reliable())
    message = JointState(name=[*JOINTS, "somebody's"], position=[*q, 0.3, 1.0])

    def has_come() -> bool:
        message.header.stamp.sec += 1
        states.publish(message)
        return bool(moved and descriptions)

    wait_for(has_come, 10.0, "tf and the robot description")
    assert descriptions[-1].data == cell_description(CELL, names.BASE_FRAME)
    assert len({t.child_frame_id for m in moved for t in m.transforms}) == len(ARM.joint_names) + 4
    tree.add(moved[-1], is_static=False)
    expected = Kinematics(ARM, CELL.load_gripper()).forward(q)
    wait_for(lambda: "tcp" in tree._links, 10.0, "static frames")
    found = tree.pose(names.BASE_FRAME, names.TCP_FRAME)
    assert np.allclose(found.matrix(), expected.matrix(), atol=1e-9)


def test_what_stands_still_is_seen_by_late_comers(tester: Node) -> None:
    for name in (names.WORKSPACE_MARKERS, names.SCENE_MARKERS):
        heard = _hear(tester, MarkerArray, name)
        wait_for(lambda heard=heard: bool(heard), 10.0, name)
        assert heard[-1].markers


def test_what_is_wanted_and_planned_is_drawn(tester: Node) -> None:
    workspace = CELL.workspaces[0]
    heights = np.random.default_rng(0).uniform(0.0, 0.1, (128, 128)).astype(np.float32)
    q = np.linspace(ARM.home_positions, np.asarray(ARM.home_positions) + 0.3, 300)
    sent = (
        (Heightmap, names.HEIGHTMAP, to_heightmap_msg(Observation.of_heightmap(heights, workspace, 1.0)), qos.reliable(2)),
        (Grasp, names.PLANNED_GRASP, to_grasp_msg(PlanarGrasp(0.4, 0.2, 0.05, 0.3, 0.06), "left", 1.0), qos.latched()),
        (
            JointTrajectory,
            names.PLANNED_TRAJECTORY,
            to_trajectory_msg(Trajectory(np.linspace(0, 2, 300), q, np.zeros_like(q)), ARM.joint_names),
            qos.latched(),
        ),
    )  # fmt: skip
    for kind, name, message, profile in sent:
        publisher = tester.create_publisher(kind, name, profile)
        wait_for(lambda p=publisher: p.get_subscription_count() > 0, 10.0, f"a reader of {name}")
        publisher.publish(message)
    drawn = {
        name: _hear(tester, kind, name)
        for kind, name in (
            (Image, names.HEIGHTMAP_IMAGE),
            (MarkerArray, names.GRASP_MARKERS),
            (Path, names.PLANNED_PATH),
        )
    }
    wait_for(lambda: all(drawn.values()), 10.0, "what is drawn")
    assert np.array_equal(from_depth_msg(drawn[names.HEIGHTMAP_IMAGE][-1]), heights)
    assert drawn[names.GRASP_MARKERS][-1].markers[-1].text == "random"
    poses = drawn[names.PLANNED_PATH][-1].poses
    kinematics = Kinematics(ARM, CELL.load_gripper())
    assert len(poses) == 100
    for pose, joints in ((poses[0], q[0]), (poses[-1], q[-1])):
        expected = kinematics.forward(joints)
        assert np.allclose(from_pose_msg(pose.pose).matrix(), expected.matrix(), atol=1e-9)


def test_a_push_is_drawn_in_the_place_of_a_grasp(tester: Node) -> None:
    workspace, labels = CELL.workspaces[0], np.zeros((128, 128), np.uint8)
    labels[30:50, 40:60], labels[60:80, 40:60] = 1, 2
    seen = Observation({"labels": labels}, workspace, 1.0)
    push = Push(0.4, 0.2, 0.02, 0.3, 0.1)
    drawn = {
        name: _hear(tester, kind, name)
        for kind, name in (
            (Image, names.LABELS_IMAGE),
            (MarkerArray, names.PUSH_MARKERS),
            (MarkerArray, names.GRASP_MARKERS),
        )
    }
    nowhere = to_push_msg(push, "left", 1.0)
    nowhere.start.x = float("nan")
    for kind, name, message, is_sound in (  # what is not sound is dropped, and the node goes on
        (LabelMap, names.LABELS, LabelMap(), False),
        (LabelMap, names.LABELS, LabelMap(size_px=3, data=[1, 2]), False),
        (PushMsg, names.PLANNED_PUSH, nowhere, False),
        (LabelMap, names.LABELS, to_label_map_msg(seen), True),
        (PushMsg, names.PLANNED_PUSH, to_push_msg(push, "left", 1.0), True),
    ):
        publisher, before = tester.create_publisher(kind, name, qos.latched()), DROPS.values
        wait_for(lambda p=publisher: p.get_subscription_count() > 0, 10.0, f"a reader of {name}")
        publisher.publish(message)
        if not is_sound:
            wait_for(lambda b=before: DROPS.values != b, 10.0, f"a drop on {name}")

    def is_cleared() -> bool:
        heard = drawn[names.GRASP_MARKERS]
        return bool(heard) and heard[-1].markers[0].action == Marker.DELETEALL

    wait_for(lambda: is_cleared() and all(drawn.values()), 10.0, "what is drawn")
    picture = from_color_msg(drawn[names.LABELS_IMAGE][-1])
    colors = [tuple(picture[row, 50]) for row in (0, 40, 70)]
    assert colors[0] == (0, 0, 0) and len(set(colors)) == 3
    stroke = drawn[names.PUSH_MARKERS][-1].markers[1]
    assert stroke.points[1].x == pytest.approx(0.4 + 0.1 * np.cos(0.3))


def test_namespace_and_parameters_reach_a_process(tester: Node, tmp_path: FilePath) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("/**/robot_state: {ros__parameters: {cell: kuka}}")
    options = GraphOptions("left", str(file), log_level="warn")
    node = next(d for d in describe("ur5", {}, options) if d.name == names.ROBOT_STATE)
    heard = _hear(tester, String, f"left/{names.ROBOT_DESCRIPTION}")
    process = ManagedProcess(node, tmp_path, options)
    wait_for(lambda: bool(heard), 30.0, "a description in the namespace")
    process.interrupt()
    assert process.wait() == 0
    assert heard[-1].data == cell_description(load_cell("kuka"), names.BASE_FRAME)


def _hear(node: Node, kind: Any, name: str) -> list[Any]:
    heard: list[Any] = []
    _listen(node, kind, name, qos.latched(), heard.append)
    return heard


def _listen(node: Node, kind: Any, name: str, profile: Any, listener: Any) -> None:
    node.create_subscription(kind, name, listener, profile)
