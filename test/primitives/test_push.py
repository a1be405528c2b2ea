"""Pushes on fakes: order, limits, cancels, and what pushes back."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equigrasp.errors import (
    CancelledError,
    CollisionError,
    CommandRejectedError,
    Device,
    DeviceError,
)
from equigrasp.geometry.actions import Push
from equigrasp.geometry.transform import Transform
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.push import PushPrimitive
from equigrasp.primitives.push_planner import clipped

Bench = Any  # test/primitives/conftest.py

_ORDER = [
    Phase.PLANNING,
    Phase.PRE_GRASP,
    Phase.DESCEND,
    Phase.PUSH,
    Phase.LIFT,
    Phase.RETURN,
]


@pytest.fixture
def primitive(bench: Bench) -> PushPrimitive:
    bench.gripper.object_width = 0.0
    return PushPrimitive(bench.cell, bench.planner)


@pytest.fixture
def push(bench: Bench) -> Push:
    """Ten centimetres through the middle of the left tray."""
    return Push(bench.workspace.center_x - 0.05, bench.workspace.center_y, 0.03, 0.4, 0.10)


def _after(bench: Bench, delay: float, act: Any) -> Any:
    """Return a listener to phases that has `act` done so long after PUSH or DESCEND began [s]."""
    clock, due = bench.cell.clock, []
    sleep = clock.sleep

    def sleep_and_act(duration: float) -> None:
        sleep(duration)
        if due and clock.now() > due[0]:
            due.clear()
            act()

    clock.sleep = sleep_and_act
    return lambda: due.append(clock.now() + delay)


def test_a_push_passes_its_phases_and_clears_the_view(
    bench: Bench, primitive: PushPrimitive, push: Push
) -> None:
    phases: list[Phase] = []
    outcome = primitive.execute(push, bench.workspace, on_phase=phases.append)
    assert phases == _ORDER
    assert outcome.length == pytest.approx(0.10, abs=1e-4)
    assert not outcome.is_contact and not outcome.is_blocked
    positions = bench.arm.joint_state().positions
    assert np.abs(positions - bench.cell.arm_config.home_positions).max() < 1e-3
    assert bench.planner.is_in_view(bench.workspace, positions)
    assert bench.gripper.state().width == pytest.approx(0.0, abs=1e-6)
    assert list(outcome.phase_times.values()) == sorted(outcome.phase_times.values())


def test_what_is_held_is_not_pushed_into_the_table(
    bench: Bench, primitive: PushPrimitive, push: Push
) -> None:
    bench.gripper.object_width = 0.03
    phases: list[Phase] = []
    with pytest.raises(DeviceError, match=r"stopped at 0\.0300 m") as refused:
        primitive.execute(push, bench.workspace, on_phase=phases.append)
    assert refused.value.device is Device.GRIPPER
    assert phases == _ORDER[:2] and len(bench.arm.commands) == 1  # never went down


def test_the_stroke_is_straight_level_and_slow(
    bench: Bench, primitive: PushPrimitive, push: Push
) -> None:
    primitive.execute(push, bench.workspace)
    stroke = bench.arm.commands[2]
    poses = [bench.planner.forward_kinematics(q) for q in stroke.positions]
    points = np.array([p.position for p in poses])
    way = points - points[0]
    ahead = np.array([np.cos(push.direction), np.sin(push.direction), 0.0])
    assert np.abs(way - np.outer(way @ ahead, ahead)).max() < 1e-3
    speeds = np.linalg.norm(np.diff(points, axis=0), axis=1) / np.diff(stroke.times)
    assert speeds.max() < 1.02 * bench.cell.config.motion.push_speed
    closing = poses[0].rotation.apply([1.0, 0.0, 0.0])  # the fingers' own x, where they open
    assert abs(closing @ ahead) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("direction", "length"),
    [(np.pi / 2, 0.03), (-np.pi / 2, 0.10), (0.0, 0.10), (np.pi / 6, 0.06), (3.0, 0.10)],
)
def test_a_stroke_ends_where_the_workspace_does(
    bench: Bench, push: Push, direction: float, length: float
) -> None:
    half = bench.workspace.action_size_px * bench.workspace.pixel_size / 2.0
    near_rim = replace(push, y=bench.workspace.center_y + half - 0.03, direction=direction)
    within = clipped(near_rim, bench.workspace, bench.cell.config.safety.box)
    assert within.length == pytest.approx(length, abs=1e-9)
    assert replace(within, length=push.length) == near_rim


def test_the_safety_box_cuts_a_stroke_too(bench: Bench, push: Push) -> None:
    upper = (bench.workspace.center_x + 0.02, *bench.cell.config.safety.box.upper[1:])
    box = replace(bench.cell.config.safety.box, upper=upper)
    safety = replace(bench.cell.config.safety, box=box)
    cell = replace(bench.cell, config=replace(bench.cell.config, safety=safety))
    ahead = replace(push, direction=0.0)
    within = clipped(ahead, bench.workspace, cell.config.safety.box)
    assert within.length == pytest.approx(0.07)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": 0.9}, "Push start .* is outside workspace 'left'"),
        ({"z": -0.02}, "Push height -0.020 m is outside"),
        ({"z": 0.5}, "Push height 0.500 m is outside"),
        ({"x": 0.5945, "direction": 0.0}, "leaves workspace 'left' or the safety box within"),
    ],
)
def test_a_bad_push_is_refused_and_nothing_moves(
    bench: Bench, primitive: PushPrimitive, push: Push, change: dict, words: str
) -> None:
    with pytest.raises(CommandRejectedError, match=words):
        primitive.execute(replace(push, **change), bench.workspace)
    assert bench.num_commands == 0


def test_a_push_into_a_wall_is_refused_and_nothing_moves(
    bench: Bench, primitive: PushPrimitive, push: Push
) -> None:
    low = replace(push, x=bench.workspace.center_x + 0.08, z=0.006, direction=0.0, length=0.2)
    with pytest.raises(CollisionError, match="The push would bring"):
        primitive.execute(low, bench.workspace)
    assert bench.num_commands == 0


@pytest.mark.parametrize("phase", _ORDER[:-1])
def test_a_cancel_stops_arm_and_fingers_at_once(
    bench: Bench, primitive: PushPrimitive, push: Push, phase: Phase
) -> None:
    cancel = threading.Event()
    cancelled: list[float] = []

    def act() -> None:
        cancel.set()
        cancelled.append(bench.cell.clock.now())

    begin = _after(bench, 0.05, act)
    with pytest.raises(CancelledError):
        primitive.execute(
            push,
            bench.workspace,
            on_phase=lambda p: begin() if p is phase else None,
            cancel=cancel,
        )
    assert bench.cell.clock.now() - cancelled[0] < 0.2
    assert not bench.arm.motion_status().is_active
    assert not bench.gripper.motion_status().is_active


@pytest.mark.parametrize("force", [(60.0, 0.0, 0.0), (0.0, -60.0, 0.0), (30.0, 30.0, 30.0)])
def test_a_stroke_that_is_held_up_stops_and_rises(
    bench: Bench, primitive: PushPrimitive, push: Push, force: tuple[float, ...]
) -> None:
    bench.arm.force = np.array([1.0, 2.0, 3.0])

    def act() -> None:
        bench.arm.force = bench.arm.force + force

    begin = _after(bench, 0.8, act)
    phases: list[Phase] = []

    def on_phase(phase: Phase) -> None:
        phases.append(phase)
        if phase is Phase.PUSH:
            begin()

    outcome = primitive.execute(push, bench.workspace, on_phase=on_phase)
    assert outcome.is_blocked and 0.01 < outcome.length < 0.06
    assert phases == _ORDER


def test_a_stroke_begins_where_the_descent_was_stopped(
    bench: Bench, primitive: PushPrimitive, push: Push
) -> None:
    bench.arm.force = np.zeros(3)

    def act() -> None:
        bench.arm.force = np.array([0.0, 0.0, 80.0])

    begin = _after(bench, 0.25, act)
    heights: list[float] = []

    def on_phase(phase: Phase) -> None:
        if phase is Phase.DESCEND:
            begin()
        if phase is Phase.PUSH:
            bench.arm.force = np.zeros(3)
            positions = bench.arm.joint_state().positions
            heights.append(float(bench.planner.forward_kinematics(positions).position[2]))

    outcome = primitive.execute(push, bench.workspace, on_phase=on_phase)
    assert outcome.is_contact and not outcome.is_blocked
    stroke = bench.arm.commands[2]
    ends = [bench.planner.forward_kinematics(q).position[2] for q in stroke.positions]
    assert heights[0] > push.z + 0.01
    assert np.abs(np.array(ends) - heights[0]).max() < 1e-3
    assert outcome.length == pytest.approx(0.10, abs=1e-3)


def test_a_push_may_begin_where_open_fingers_touch_a_wall(
    bench: Bench, primitive: PushPrimitive, push: Push
) -> None:
    """Closed fingers are slimmer: what counts for a push is their shape, not that of open ones."""
    half = bench.workspace.action_size_px * bench.workspace.pixel_size / 2.0
    off_wall = replace(push, x=bench.workspace.center_x - half + 0.008, z=0.014, direction=0.0)
    bottom = bench.planner.inverse_kinematics(
        Transform.top_down(off_wall.x, off_wall.y, 0.1, 0.0), bench.arm.joint_state().positions
    )
    down = Transform.top_down(off_wall.x, off_wall.y, off_wall.z, 0.0)
    posture = bench.planner.plan_line(bottom, down, 0.1).positions[-1]
    with pytest.raises(CollisionError):
        bench.planner.check(posture, "Open fingers")
    bench.planner.check(posture, "Closed fingers", has_closed_fingers=True)
    assert primitive.execute(off_wall, bench.workspace).length == pytest.approx(0.10, abs=1e-3)


def test_the_way_home_is_held_against_closed_fingers_too(
    bench: Bench, primitive: PushPrimitive, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, plan, asked = bench.cell.arm_config.home_positions, bench.planner.plan_joints, []

    def plan_joints(start: np.ndarray, goal: np.ndarray, **options: bool) -> Any:
        if np.allclose(goal, home):
            asked.append(options.get("has_closed_fingers", False))
        return plan(start, goal, **options)

    monkeypatch.setattr(bench.planner, "plan_joints", plan_joints)
    primitive.execute(push, bench.workspace)
    assert asked == [True]


def test_closed_fingers_reach_lower_than_open_ones(bench: Bench) -> None:
    middle = bench.workspace.center_x, bench.workspace.center_y
    start = bench.arm.joint_state().positions
    over = bench.planner.inverse_kinematics(Transform.top_down(*middle, 0.1, 0.0), start)
    down = Transform.top_down(*middle, bench.workspace.floor_z + 0.001, 0.0)
    posture = bench.planner.plan_line(over, down, 0.1).positions[-1]
    bench.planner.check(posture, "Open fingers")
    with pytest.raises(CollisionError, match="Closed fingers"):
        bench.planner.check(posture, "Closed fingers", has_closed_fingers=True)
