"""The MoveIt planner's own logic, against a double of moveit_py; MoveIt itself is not run here."""

import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("shape_msgs")

import moveit_double  # noqa: E402
from shape_msgs.msg import SolidPrimitive  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import OVERHEAD, ArmConfig, CellConfig, GripperConfig, RobotCell  # noqa: E402
from equigrasp.devices.clock import Clock  # noqa: E402
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper, ManualClock  # noqa: E402
from equigrasp.devices.obstacle import Obstacle  # noqa: E402
from equigrasp.errors import CollisionError, ConfigError, UnreachableError  # noqa: E402
from equigrasp.geometry.actions import PlanarGrasp  # noqa: E402
from equigrasp.geometry.transform import Transform  # noqa: E402
from equigrasp.perception.observation import Observation  # noqa: E402
from equigrasp.planning.object_field import ObjectField  # noqa: E402
from equigrasp.planning.ompl_planner import OmplPlanner  # noqa: E402
from equigrasp.ros.executor.moveit_parameters import moveit_parameters  # noqa: E402
from equigrasp.ros.executor.moveit_planner import MoveItPlanner  # noqa: E402
from equigrasp.ros.executor.planners import make_planner  # noqa: E402
from equigrasp.ros.messages.collisions import to_primitive  # noqa: E402

pytestmark = pytest.mark.ros

_LEFT = Transform.top_down(0.45, 0.21, 0.22, 0.3)
_RIGHT = Transform.top_down(0.45, -0.21, 0.22, 0.3)
_PILLAR = Obstacle("pillar", (0.06, 0.06, 0.6), (0.50, 0.0, 0.3), "cylinder")


def _cell(name: str = "ur5") -> RobotCell:
    config = load_config(CellConfig, "cells", name)
    config = replace(config, obstacles=(*config.obstacles, _PILLAR))
    arm = load_config(ArmConfig, "arms", config.arm)
    gripper = load_config(GripperConfig, "grippers", config.gripper)
    clock: Clock = ManualClock()
    devices = FakeArm(arm, clock), FakeGripper(gripper, clock), {OVERHEAD: FakeCamera(clock)}
    return RobotCell(config, arm, gripper, *devices, clock)


@pytest.fixture(scope="module")
def cell() -> RobotCell:
    """A UR5's cell with a pillar between the trays."""
    return _cell()


@pytest.fixture(scope="module")
def reference(cell: RobotCell) -> OmplPlanner:
    """What stands behind the double."""
    return OmplPlanner(cell)


@pytest.fixture
def planner(
    cell: RobotCell, reference: OmplPlanner, monkeypatch: pytest.MonkeyPatch
) -> MoveItPlanner:
    """The planner under test, on the double."""
    moveit_double.install(monkeypatch, reference)
    made = make_planner("moveit", cell)
    assert isinstance(made, MoveItPlanner)
    return made


def _home(cell: RobotCell) -> np.ndarray:
    return np.array(cell.arm_config.home_positions)


def _heap(grasp: PlanarGrasp, cell: RobotCell) -> ObjectField:
    workspace = cell.config.workspaces[0]
    heights = np.zeros((128, 128))
    heights[32:96, 56:72] = 0.06
    return ObjectField.about(grasp, 0.085, Observation.of_heightmap(heights, workspace))


def test_both_planners_see_the_same_collisions(
    planner: MoveItPlanner, reference: OmplPlanner, rng: np.random.Generator
) -> None:
    lower, upper = (
        np.array([-1.0, -2.4, 0.2, -2.5, -2.6, -1]),
        np.array([1.0, -0.2, 2.6, 0, -0.5, 1]),
    )
    postures = rng.uniform(lower, upper, (60, 6))
    ours = [reference.find_collision(q) for q in postures]
    assert 10 < sum(c is not None for c in ours) < 50
    assert [planner.find_collision(q) for q in postures] == ours


def test_closed_fingers_heed_what_moveit_alone_knows(
    planner: MoveItPlanner, cell: RobotCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _home(cell)
    planner.check(home, "A push", has_closed_fingers=True)
    monkeypatch.setattr(planner._names, "find_collision", lambda q: None)
    scene = "is_state_colliding"
    with planner._monitor.read_only() as known:
        monkeypatch.setattr(type(known), scene, lambda *args, **kwargs: True)
    with pytest.raises(CollisionError, match="MoveIt's scene"):
        planner.check(home, "A push", has_closed_fingers=True)


def test_shapes_keep_their_sizes() -> None:
    box = to_primitive(Obstacle("box", (0.1, 0.2, 0.3), (0, 0, 0)))
    assert box.type == SolidPrimitive.BOX and list(box.dimensions) == [0.1, 0.2, 0.3]
    pole = to_primitive(Obstacle("pole", (0.06, 0.06, 0.6), (0, 0, 0), "cylinder"))
    assert pole.type == SolidPrimitive.CYLINDER and list(pole.dimensions) == [0.6, 0.03]


def test_a_way_round_the_pillar_is_timed_within_limits(
    planner: MoveItPlanner, reference: OmplPlanner, cell: RobotCell
) -> None:
    start, goal = (planner.inverse_kinematics(p, _home(cell)) for p in (_LEFT, _RIGHT))
    trajectory = planner.plan_joints(start, goal)
    assert planner._component.num_plans >= 1
    np.testing.assert_allclose(trajectory.positions[[0, -1]], [start, goal], atol=1e-6)
    assert all(reference.find_collision(q) is None for q in trajectory.positions)
    cell.arm_config.limits.check_trajectory(trajectory, cell.arm_config.joint_names, start)


def test_a_search_begins_within_the_joint_limits(planner: MoveItPlanner, cell: RobotCell) -> None:
    start, goal = (planner.inverse_kinematics(p, _home(cell)) for p in (_LEFT, _RIGHT))
    start[5] = cell.arm_config.limits.upper[5] + 0.002  # MoveIt would refuse it
    trajectory = planner.plan_joints(start, goal)
    asked = planner._component._start.joint_positions[cell.arm_config.joint_names[5]]
    assert asked == cell.arm_config.limits.upper[5]
    np.testing.assert_allclose(trajectory.positions[0], start, atol=1e-6)


def test_a_free_way_needs_no_search(planner: MoveItPlanner, cell: RobotCell) -> None:
    goal = planner.inverse_kinematics(_LEFT, _home(cell))
    assert planner.plan_joints(_home(cell), goal).duration > 0.1
    assert planner._component.num_plans == 0


def test_a_line_is_straight_and_keeps_its_speed(planner: MoveItPlanner, cell: RobotCell) -> None:
    start = planner.inverse_kinematics(_LEFT, _home(cell))
    line = planner.plan_line(start, Transform.top_down(0.45, 0.21, 0.05, 0.3), 0.1)
    tcp = np.array([planner.forward_kinematics(q).position for q in line.positions])
    assert np.abs(tcp[:, :2] - [0.45, 0.21]).max() < 1e-4
    assert tcp[-1, 2] == pytest.approx(0.05, abs=1e-4)
    assert (np.linalg.norm(np.diff(tcp, axis=0), axis=1) / np.diff(line.times)).max() <= 0.1005


def test_a_line_that_moveit_refuses_is_unreachable(
    planner: MoveItPlanner, cell: RobotCell
) -> None:
    start = planner.inverse_kinematics(_LEFT, _home(cell))
    with pytest.raises(UnreachableError, match=r"\(1\.400, .* LIN gave up with error code -1"):
        planner.plan_line(start, Transform.top_down(1.4, 0.21, 0.22, 0.3), 0.25)


def test_objects_are_avoided_but_for_the_target_and_leave_with_the_attempt(
    planner: MoveItPlanner, cell: RobotCell
) -> None:
    posture = planner.inverse_kinematics(Transform.top_down(0.45, 0.21, 0.03, 0.0), _home(cell))
    planner.set_objects(_heap(PlanarGrasp(0.45, 0.21, 0.03, 0.0, 0.085), cell))
    planner.check(posture, "The grasp")
    planner.set_objects(_heap(PlanarGrasp(0.56, 0.21, 0.03, 0.0, 0.085), cell))
    with pytest.raises(CollisionError, match=r"finger_tip_link and the objects"):
        planner.check(posture, "The grasp")
    assert {"objects", "target"} <= set(planner._monitor.scene.objects)
    planner.set_objects(None)
    assert not {"objects", "target"} & set(planner._monitor.scene.objects)
    planner.check(posture, "The grasp")


@pytest.mark.parametrize("name", ["ur5", "kuka"])
def test_parameters_hold_what_moveit_asks_for(name: str) -> None:
    cell = _cell(name)
    parameters = moveit_parameters(cell)
    assert parameters["robot_description"].startswith("<robot")
    assert "disable_collisions" in parameters["robot_description_semantic"]
    limits = parameters["robot_description_planning"]
    assert set(limits) == {"default_robot_padding", "cartesian_limits", "joint_limits"}
    assert tuple(limits["joint_limits"]) == cell.arm_config.joint_names
    for pipeline in parameters["planning_pipelines"]["pipeline_names"]:
        assert parameters[pipeline]["planning_plugins"]
    controller = parameters["moveit_simple_controller_manager"]["joint_trajectory_controller"]
    assert controller["action_ns"] == "follow_joint_trajectory"


def test_a_cell_without_a_semantic_description_says_how_to_write_one() -> None:
    cell = _cell()
    other = replace(cell, config=replace(cell.config, name="bench"))
    with pytest.raises(ConfigError, match=r"'bench'.*bench\.srdf.*write_moveit_files"):
        moveit_parameters(other)


def test_missing_moveit_and_unknown_planners_are_named(
    cell: RobotCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moveit", None)
    with pytest.raises(ConfigError, match=r"apt install .*ros-jazzy-moveit-py"):
        make_planner("moveit", cell)
    with pytest.raises(ConfigError, match=r"'chomp'\. Known planners: moveit, ompl"):
        make_planner("chomp", cell)
