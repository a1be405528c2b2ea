"""Every limit of a cell is found out along the spline, and planned motion passes."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig, RobotCell
from equigrasp.devices.joined_trajectory import join_trajectory
from equigrasp.devices.motion import JointState, JointTrajectory
from equigrasp.errors import CommandRejectedError, PlanningError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.planning.trajectory_check import TrajectoryCheck, _Chain, _samples

CELL = load_config(CellConfig, "cells", "ur5")
HOME = np.array(CELL.load_arm().home_positions)


@pytest.fixture(scope="module")
def check() -> TrajectoryCheck:
    return TrajectoryCheck(CELL)


def at_rest(positions: np.ndarray) -> JointState:
    still = np.zeros_like(positions)
    return JointState(0.0, positions, still, still)


def turn(start: np.ndarray, change: np.ndarray, duration: float) -> JointTrajectory:
    """One cubic from rest to rest: peak speed 1.5 and peak acceleration 6 times the mean."""
    return JointTrajectory(
        np.array([0.0, duration]), np.stack([start, start + change]), np.zeros((2, start.size))
    )


def joint(number: int, change: float) -> np.ndarray:
    return change * np.eye(6)[number]


def turned_to_the_wall(check: TrajectoryCheck, beyond: float) -> np.ndarray:
    """Return joints of a hand that the first joint has turned to the wall at y = 0.5 m, or beyond it [rad]."""
    inside, outside = (np.array([a, -1.2, 1.5, -1.8708, -1.5708, 0.0]) for a in (0.0, 1.3))
    for _ in range(60):
        middle = 0.5 * (inside + outside)
        if check.places(middle[None])[0][0, :3, 1].max() < CELL.safety.box.upper[1]:
            inside = middle
        else:
            outside = middle
    return inside + joint(0, beyond)


@pytest.mark.parametrize("name", ["ur5", "kuka"])
def test_planned_motion_passes(name: str, fake_cell: Callable[[str], RobotCell]) -> None:
    cell = fake_cell(name)
    planner, check = OmplPlanner(cell), TrajectoryCheck(cell.config)
    rng = np.random.default_rng(0)
    present, num_checked = np.array(cell.arm_config.home_positions), 0
    for i in range(8):
        w = cell.config.workspaces[i % 2]
        x, y = np.array([w.center_x, w.center_y]) + rng.uniform(-0.12, 0.12, 2)
        theta = rng.uniform(0.0, np.pi)
        try:
            above = planner.plan_pose(present, Transform.top_down(x, y, 0.12, theta))
            down = planner.plan_line(
                above.positions[-1], Transform.top_down(x, y, 0.006, theta), 0.25
            )
        except PlanningError:
            continue
        for motion in (above, down):
            check.check(motion, at_rest(motion.positions[0]))
            num_checked += 1
        present = above.positions[-1]
    assert num_checked >= 12


def test_speed_between_two_points_is_the_splines_not_the_mean(check: TrajectoryCheck) -> None:
    # 1 rad in 0.4 s: mean 2.5 rad/s is allowed, the spline's peak of 3.75 rad/s is not.
    with pytest.raises(
        CommandRejectedError, match=r"'wrist_3_joint' would turn at 3.75 rad/s.*3.14"
    ):
        check.check(turn(HOME, joint(5, 1.0), 0.4), at_rest(HOME))


def test_acceleration_between_two_points_is_the_splines(check: TrajectoryCheck) -> None:
    # 6 * 0.3 rad / (0.4 s)² = 11.25 rad/s²
    with pytest.raises(
        CommandRejectedError, match=r"'wrist_3_joint' would accelerate at 11.25 rad/s².*10.00"
    ):
        check.check(turn(HOME, joint(5, 0.3), 0.4), at_rest(HOME))
    check.check(turn(HOME, joint(5, 0.26), 0.4), at_rest(HOME))


def test_a_jump_of_speed_is_refused_at_either_end(check: TrajectoryCheck) -> None:
    good = turn(HOME, joint(5, 0.3), 1.0)
    for row, word in ((0, "begin"), (1, "end")):
        velocities = good.velocities.copy()
        velocities[row, 5] = 0.9
        bad = JointTrajectory(good.times, good.positions, velocities)
        with pytest.raises(
            CommandRejectedError, match=f"'wrist_3_joint' would {word}.*0.90 rad/s"
        ):
            check.check(bad, at_rest(HOME))


def test_a_spline_that_swings_past_a_joint_limit_is_refused(check: TrajectoryCheck) -> None:
    start = HOME.copy()
    start[5] = 6.2
    times, still = np.array([0.0, 1.0, 2.0]), np.zeros((3, 6))
    velocities = still.copy()
    velocities[1, 5] = 0.8  # 6.2 -> 6.2 -> 6.2, but the cubic rises to 6.2 + 0.8 * 4 / 27
    bad = JointTrajectory(times, np.tile(start, (3, 1)), velocities)
    with pytest.raises(CommandRejectedError, match=r"'wrist_3_joint' would go to 6.31[789] rad"):
        check.check(bad, at_rest(start))


@pytest.mark.parametrize(
    ("xyz", "message"),
    [
        ((0.45, 0.21, -0.01), r"z would be -0.010 m.*0.004"),
        ((0.45, 0.52, 0.15), r"Fingertip y would be 0\.5.*-0.5, 0.5"),
        ((0.45, -0.52, 0.15), r"y would be -0\.5"),
    ],
)
def test_leaving_the_box_on_the_way_is_refused(
    check: TrajectoryCheck, planner: OmplPlanner, xyz: tuple[float, ...], message: str
) -> None:
    inside = Transform.top_down(0.45, np.clip(xyz[1], -0.4, 0.4), 0.15, np.pi / 2)
    start = planner.kinematics.solutions(inside, HOME)[0]
    there = planner.plan_line(start, Transform.top_down(*xyz, np.pi / 2), 0.2)
    back = JointTrajectory(  # both ends are inside
        np.concatenate([there.times, there.times[-1] + there.times[1:]]),
        np.vstack([there.positions, there.positions[-2::-1]]),
        np.vstack([there.velocities, -there.velocities[-2::-1]]),
    )
    with pytest.raises(CommandRejectedError, match=message):
        check.check(back, at_rest(start))


def test_an_arm_outside_the_box_may_come_back_but_not_go_on(
    check: TrajectoryCheck, planner: OmplPlanner
) -> None:
    outside = planner.kinematics.solutions(Transform.top_down(0.45, 0.55, 0.15, 0.0), HOME)[0]
    inward = planner.plan_line(outside, Transform.top_down(0.45, 0.40, 0.15, 0.0), 0.2)
    outward = planner.plan_line(outside, Transform.top_down(0.45, 0.58, 0.15, 0.0), 0.2)
    check.check(inward, at_rest(outside))
    with pytest.raises(CommandRejectedError, match="y would be"):
        check.check(outward, at_rest(outside))


def test_a_joint_beyond_its_range_may_come_back_but_not_go_on() -> None:
    """The iiwa's last joint, 1.7 mrad beyond: it came from somewhere, and must be able to go home."""
    cell = load_config(CellConfig, "cells", "kuka")
    arm, check = cell.load_arm(), TrajectoryCheck(cell)
    home = np.array(arm.home_positions)
    start = home.copy()
    start[6] = 3.056  # its limit is 3.0543
    assert start[6] > arm.limits.upper[6]
    check.check(turn(start, home - start, 6.0), at_rest(start))
    for change in (0.01, 0.0):  # farther, and to stay
        match = r"'lbr_A7' would go to 3.0\d\d rad; .* and it stands at 3.056 rad"
        with pytest.raises(CommandRejectedError, match=match):
            check.check(turn(start, change * np.eye(7)[6], 1.0), at_rest(start))


@pytest.mark.parametrize("begins", [0.0, 100.0, 298.0])
def test_a_quick_way_out_and_back_in_a_long_trajectory_is_seen(
    check: TrajectoryCheck, planner: OmplPlanner, begins: float
) -> None:
    """Out of the box for two of 300 seconds in which the arm stands at its wall."""
    edge = planner.kinematics.solutions(Transform.top_down(0.45, 0.40, 0.15, 0.0), HOME)[0]
    out = edge + joint(0, 0.5)
    places = [edge, edge, out, edge, edge]
    times = np.array([0.0, begins, begins + 1.0, begins + 2.0, 300.0])
    is_kept = np.concatenate([[True], np.diff(times) > 0.0])
    motion = JointTrajectory(
        times[is_kept], np.stack(places)[is_kept], np.zeros((int(is_kept.sum()), 6))
    )
    with pytest.raises(CommandRejectedError, match="y would be"):
        check.check(motion, at_rest(edge))


def test_no_joint_turns_far_between_two_samples(check: TrajectoryCheck) -> None:
    """Whatever the pace is, here and there, also on the way that joins the start."""
    rng = np.random.default_rng(0)
    limits = CELL.load_arm().limits
    for _ in range(40):
        count = int(rng.integers(2, 7))
        times = np.concatenate([[0.0], np.cumsum(rng.choice([0.3, 1.0, 60.0], count - 1))])
        positions = HOME + np.vstack([np.zeros(6), rng.normal(0.0, 0.02, (count - 1, 6))])
        velocities = np.zeros((count, 6))
        velocities[1:-1] = rng.normal(0.0, 0.02, (count - 2, 6))
        offset = rng.choice([0.0, 0.04]) * rng.uniform(-1.0, 1.0, 6)
        motion = JointTrajectory(times, positions, velocities)
        joined = join_trajectory(motion, limits, HOME + offset, np.zeros(6))
        path = joined.trajectory
        samples = _samples(path.times, check._check_spline(joined))
        assert samples[0] == 0.0 and samples[-1] == path.times[-1]
        assert (np.diff(samples) > 0.0).all() and len(samples) < 2000
        spline = CubicHermiteSpline(path.times, path.positions, path.velocities)
        assert np.abs(np.diff(spline(samples), axis=0)).max() <= 0.0201


def test_what_turns_without_end_is_refused_by_its_way(check: TrajectoryCheck) -> None:
    times = np.arange(0.0, 599.0, 0.5)
    positions = np.tile(HOME, (times.size, 1))
    positions[1::2, 5] += 0.4
    with pytest.raises(CommandRejectedError, match="too long to be judged: .* Send it in parts"):
        check.check(JointTrajectory(times, positions, np.zeros_like(positions)), at_rest(HOME))


def test_a_moving_arm_is_judged_from_its_set_point(check: TrajectoryCheck) -> None:
    """The joints lag behind a set-point that is at the wall, and moves on."""
    edge, velocities = turned_to_the_wall(check, -0.01), joint(0, 0.38)
    set_point = JointState(0.0, edge, velocities, np.zeros(6))
    behind = edge - joint(0, 0.03)
    here = JointState(0.0, behind, velocities, np.zeros(6))
    stay = JointTrajectory(np.array([0.0, 1.0]), np.stack([behind] * 2), np.zeros((2, 6)))
    check.check(stay, here)
    with pytest.raises(CommandRejectedError, match="y would be"):
        check.check(stay, here, set_point)


def test_a_knock_at_the_joints_makes_no_jump(check: TrajectoryCheck) -> None:
    """What the encoders of an arm say that touches something is not how fast it is led."""
    knocked = JointState(0.0, HOME, joint(3, -0.6), np.zeros(6))
    with pytest.raises(CommandRejectedError, match="would begin with a jump of speed of 0.60"):
        check.check(turn(HOME, joint(0, 0.1), 1.0), knocked)
    check.check(turn(HOME, joint(0, 0.1), 1.0), knocked, at_rest(HOME))


def test_an_arm_left_moving_at_the_end_is_refused(check: TrajectoryCheck) -> None:
    """What follows the last point is nobody's plan."""
    good = turn(HOME, joint(5, 0.3), 1.0)
    velocities = good.velocities.copy()
    velocities[-1, 5] = 0.3  # less than 50 ms of its acceleration
    with pytest.raises(CommandRejectedError, match="would end with a jump of speed of 0.30 rad/s"):
        check.check(JointTrajectory(good.times, good.positions, velocities), at_rest(HOME))


def test_the_elbow_may_not_sink(check: TrajectoryCheck) -> None:
    # Level upper arm: the elbow is at the shoulder's 0.089 m; the forearm keeps the TCP up.
    low = np.array([0.0, -0.02, -1.2, -0.4, -1.57, 0.0])
    start = low + joint(1, -0.6)
    with pytest.raises(CommandRejectedError, match=r"height of elbow_joint would be 0\.08\d m"):
        check.check(turn(start, joint(1, 0.63), 2.0), at_rest(start))


def test_the_tcp_has_a_speed_limit_of_its_own(
    check: TrajectoryCheck, planner: OmplPlanner
) -> None:
    start = planner.kinematics.solutions(Transform.top_down(0.5, -0.25, 0.15, 0.0), HOME)[0]
    way, duration = joint(0, 1.0), 0.87  # within 3.14 rad/s and 8 rad/s²
    check.check(turn(start, way, duration), at_rest(start))
    slow = dataclasses.replace(CELL, safety=dataclasses.replace(CELL.safety, tcp_speed=0.5))
    with pytest.raises(CommandRejectedError, match=r"TCP would move at 0\.\d+ m/s.*limit is 0.5"):
        TrajectoryCheck(slow).check(turn(start, way, duration), at_rest(start))


def test_a_first_point_that_comes_later_is_reached_within_the_limits(
    check: TrajectoryCheck,
) -> None:
    far = HOME + joint(5, 1.0)
    late = JointTrajectory(np.array([0.3]), far[None], np.zeros((1, 6)))
    with pytest.raises(CommandRejectedError, match="would turn at 5.00"):
        check.check(late, at_rest(HOME))
    check.check(JointTrajectory(np.array([1.5]), far[None], np.zeros((1, 6))), at_rest(HOME))


@pytest.mark.timing
def test_a_check_takes_little_time(check: TrajectoryCheck, planner: OmplPlanner) -> None:
    start = planner.kinematics.solutions(Transform.top_down(0.45, 0.3, 0.25, 0.0), HOME)[0]
    motion = planner.plan_pose(start, Transform.top_down(0.45, -0.3, 0.25, 1.0))
    slow = JointTrajectory(motion.times * 2, motion.positions, motion.velocities / 2)
    began = time.process_time()
    for _ in range(10):
        check.check(slow, at_rest(start))
    assert (time.process_time() - began) / 10 < 0.03  # measured: see docs/safety.md


@pytest.mark.parametrize("name", ["ur5", "kuka", "gantry"])
def test_the_chain_is_pinocchios(name: str) -> None:
    cell = load_config(CellConfig, "cells", name)
    arm = cell.load_arm()
    kinematics = Kinematics(arm, cell.load_gripper())
    joints = np.random.default_rng(0).uniform(
        arm.limits.lower, arm.limits.upper, (20, len(arm.joint_names))
    )
    rotations, origins = _Chain(kinematics.model).follow(joints)
    for q, rotation, places in zip(joints, rotations, origins, strict=True):
        tcp = kinematics.forward(q).matrix()
        np.testing.assert_allclose(rotation, tcp[:3, :3], atol=1e-9)
        np.testing.assert_allclose(places[-1], tcp[:3, 3], atol=1e-9)
        expected = [kinematics.data.oMi[i].translation for i in range(1, kinematics.model.njoints)]
        np.testing.assert_allclose(places[:-1], expected, atol=1e-9)
