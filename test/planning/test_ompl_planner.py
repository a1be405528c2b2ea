"""Planned motions: collision-free, straight where asked, round obstacles, repeatable."""

from dataclasses import replace

import numpy as np
import pytest

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.obstacle import Obstacle
from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.planning.collision_scene import CollisionScene, Contact
from equigrasp.planning.object_field import ObjectField
from equigrasp.planning.ompl_planner import OmplPlanner

_LEFT = Transform.top_down(0.45, 0.21, 0.22, 0.3)
_RIGHT = Transform.top_down(0.45, -0.21, 0.22, 0.3)
_PILLAR = Obstacle("pillar", (0.06, 0.06, 0.6), (0.50, 0.0, 0.3))


def _home(cell: RobotCell) -> np.ndarray:
    return np.array(cell.arm_config.home_positions)


def _with(cell: RobotCell, obstacle: Obstacle) -> OmplPlanner:
    config = replace(cell.config, obstacles=(*cell.config.obstacles, obstacle))
    return OmplPlanner(replace(cell, config=config))


def test_home_and_postures_over_both_trays_touch_nothing(
    planner: OmplPlanner, cell: RobotCell
) -> None:
    assert planner.scene.find_collision(_home(cell)) is None
    for pose in (_LEFT, _RIGHT):
        planner.check(planner.inverse_kinematics(pose, _home(cell)), "The posture")


def test_fingers_in_the_floor_and_in_a_wall_are_refused(
    planner: OmplPlanner, cell: RobotCell
) -> None:
    for pose in (
        Transform.top_down(0.45, 0.21, -0.02, 0.0),
        Transform.top_down(0.45 + 0.14, 0.21, 0.006, 0.0),
    ):
        with pytest.raises(CollisionError, match=r"finger_tip.* and (table|tray left)"):
            planner.inverse_kinematics(pose, _home(cell))


def test_a_folded_arm_collides_with_itself(planner: OmplPlanner) -> None:
    folded = np.array([0.0, -1.5, 2.7, 1.8, 1.5, -1.2])
    contact = planner.scene.find_collision(folded)
    assert str(contact) == "upper_arm_link and robotiq_85_base_link"
    assert contact is not None and not contact.is_of_gripper  # another posture may be free


def test_plan_pose_arrives_at_rest(planner: OmplPlanner, cell: RobotCell) -> None:
    trajectory = planner.plan_pose(_home(cell), _LEFT)
    reached = planner.forward_kinematics(trajectory.positions[-1])
    np.testing.assert_allclose(reached.position, _LEFT.position, atol=1e-4)
    assert not trajectory.velocities[0].any() and not trajectory.velocities[-1].any()


def test_a_line_is_straight_to_a_tenth_of_a_millimetre_and_keeps_its_speed(
    planner: OmplPlanner, cell: RobotCell
) -> None:
    start = planner.inverse_kinematics(_LEFT, _home(cell))
    goal = Transform.top_down(0.45, 0.21, 0.02, 0.3)
    line = planner.plan_line(start, goal, 0.25)
    poses = [planner.forward_kinematics(q) for q in line.positions]
    tcp = np.array([p.position for p in poses])
    assert np.abs(tcp[:, :2] - goal.position[:2]).max() < 1e-4
    tilt = max((p.rotation.inv() * goal.rotation).magnitude() for p in poses)
    assert tilt < 1e-3
    speeds = np.linalg.norm(np.diff(tcp, axis=0), axis=1) / np.diff(line.times)
    assert 0.2 < speeds.max() <= 0.2505
    assert line.duration < 0.2 / 0.25 + 0.3  # no slower than its limits ask for


def test_a_line_out_of_reach_is_refused(planner: OmplPlanner, cell: RobotCell) -> None:
    start = planner.inverse_kinematics(_LEFT, _home(cell))
    with pytest.raises(UnreachableError, match="breaks off"):
        planner.plan_line(start, Transform.top_down(1.4, 0.21, 0.22, 0.3), 0.25)


def test_the_way_between_trays_goes_round_a_pillar(cell: RobotCell) -> None:
    planner = _with(cell, _PILLAR)
    start, goal = (planner.inverse_kinematics(p, _home(cell)) for p in (_LEFT, _RIGHT))
    straight = (start + s * (goal - start) for s in np.linspace(0, 1, 50))
    assert any("pillar" in str(planner.scene.find_collision(q)) for q in straight)
    trajectory = planner.plan_joints(start, goal)
    np.testing.assert_allclose(trajectory.positions[[0, -1]], [start, goal], atol=1e-6)
    assert all(planner.scene.find_collision(q) is None for q in trajectory.positions)


def test_a_goal_inside_an_obstacle_is_refused(cell: RobotCell) -> None:
    planner = _with(cell, Obstacle("crate", (0.3, 0.3, 0.3), (0.45, 0.21, 0.15)))
    with pytest.raises(CollisionError, match="crate"):
        planner.plan_pose(_home(cell), _LEFT)
    free = OmplPlanner(cell)
    inside = free.inverse_kinematics(_LEFT, _home(cell))
    with pytest.raises(CollisionError, match=r"start of a motion.*crate"):
        planner.plan_joints(inside, free.inverse_kinematics(_RIGHT, inside))


def test_search_gives_up_in_bounded_time(cell: RobotCell, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = OmplPlanner(cell)
    start, goal = (planner.inverse_kinematics(p, _home(cell)) for p in (_LEFT, _RIGHT))

    def all_but_the_ends(scene: CollisionScene, positions: np.ndarray) -> Contact | None:
        is_end = min(np.abs(positions - end).max() for end in (start, goal)) < 0.01
        return None if is_end else Contact("everything", "everything")

    monkeypatch.setattr(CollisionScene, "find_collision", all_but_the_ends)
    monkeypatch.setattr("equigrasp.planning.ompl_planner._PLANNING_TIME", 0.2)
    with pytest.raises(PlanningError, match=r"within 0\.2 s"):
        planner.plan_joints(start, goal)


def _heap(height: float) -> Observation:
    """Return a wall of objects across the left tray's middle, 60 mm wide."""
    workspace = Workspace("left", 0.45, 0.21, 0.002)
    heights = np.zeros((128, 128), np.float32)
    heights[16:112, 54:74] = height
    return Observation.of_heightmap(heights, workspace)


def _straight(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    return start + np.linspace(0.0, 1.0, 60)[:, None] * (goal - start)


@pytest.mark.parametrize(
    ("thing", "start", "goal"),
    [
        ("the objects", (0.45, 0.10, 0.06), (0.45, 0.32, 0.06)),
        ("tray left", (0.45, 0.21, 0.03), (0.45, -0.21, 0.03)),
        ("camera pole", (0.55, -0.30, 0.30), (0.55, 0.30, 0.30)),
    ],
)
def test_the_way_goes_round_what_a_straight_one_would_hit(
    cell: RobotCell,
    thing: str,
    start: tuple[float, float, float],
    goal: tuple[float, float, float],
) -> None:
    config = cell.config
    if thing == "camera pole":  # of a lab that put it nearer
        pole = replace(config.obstacles[0], center=(0.6, 0.0, 0.7))
        config = replace(config, obstacles=(pole,))
    planner = OmplPlanner(replace(cell, config=config))
    a, b = (
        planner.inverse_kinematics(Transform.top_down(*p, 0.3), _home(cell)) for p in (start, goal)
    )
    grasp = PlanarGrasp(*goal, 0.3, 0.085)
    planner.set_objects(
        ObjectField.about(grasp, 0.085, _heap(0.12)) if thing == "the objects" else None
    )
    assert any(thing in str(planner.find_collision(q)) for q in _straight(a, b))
    trajectory = planner.plan_joints(a, b)
    np.testing.assert_allclose(trajectory.positions[[0, -1]], [a, b], atol=1e-6)
    assert all(planner.find_collision(q) is None for q in trajectory.positions)


def test_a_grasp_in_a_heap_is_allowed_where_it_aims_and_nowhere_else(cell: RobotCell) -> None:
    planner, heap = OmplPlanner(cell), _heap(0.06)
    inside = Transform.top_down(0.45, 0.21, 0.03, 0.0)
    free = planner.inverse_kinematics(inside, _home(cell))
    planner.set_objects(ObjectField.about(PlanarGrasp(0.45, 0.21, 0.03, 0.0, 0.085), 0.085, heap))
    planner.check(free, "The grasp")
    planner.set_objects(ObjectField.about(PlanarGrasp(0.57, 0.21, 0.03, 0.0, 0.085), 0.085, heap))
    with pytest.raises(CollisionError, match=r"The grasp would bring .*finger.* and the objects"):
        planner.check(free, "The grasp")
    with pytest.raises(CollisionError, match=r"\(0\.450, 0\.210, 0\.030\) m .* and the objects"):
        planner.inverse_kinematics(inside, _home(cell))
    planner.set_objects(None)
    planner.check(free, "The grasp")


def test_the_arm_itself_never_touches_objects_not_even_those_aimed_at(cell: RobotCell) -> None:
    planner, tower = OmplPlanner(cell), _heap(0.24)
    low = Transform.top_down(0.45, 0.21, 0.02, 0.0)
    posture = planner.inverse_kinematics(low, _home(cell))
    planner.set_objects(ObjectField.about(PlanarGrasp(0.45, 0.21, 0.02, 0.0, 0.085), 0.085, tower))
    with pytest.raises(CollisionError, match=r"wrist_\d_link and the objects"):
        planner.check(posture, "The grasp")


def test_a_goal_in_the_camera_is_named(cell: RobotCell) -> None:
    camera = Obstacle("second camera", (0.1, 0.1, 0.1), (0.45, 0.0, 0.55))
    with pytest.raises(CollisionError, match="and second camera into contact"):
        _with(cell, camera).inverse_kinematics(
            Transform.top_down(0.45, 0.0, 0.45, 0.0), _home(cell)
        )
