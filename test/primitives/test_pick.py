"""Whole attempts on fakes: order, timing, cancels, failures and refusals."""

import dataclasses
import threading
from typing import Any

import numpy as np
import pytest

from equigrasp.devices.motion import JointState, JointTrajectory, MotionState, MotionStatus
from equigrasp.errors import (
    CancelledError,
    CollisionError,
    CommandRejectedError,
    DeviceError,
    DeviceTimeoutError,
    UnreachableError,
)
from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.pick_planner import PickPlan, PickPlanner
from equigrasp.primitives.place_target import PlaceTarget, sample_place

Bench = Any  # test/primitives/conftest.py

_ORDER = [
    Phase.PLANNING,
    Phase.PRE_GRASP,
    Phase.DESCEND,
    Phase.CLOSE,
    Phase.LIFT,
    Phase.VERIFY,
    Phase.PLACE,
]


def test_an_attempt_passes_all_phases_in_order_and_puts_the_object_down(bench: Bench) -> None:
    phases: list[Phase] = []
    outcome = bench.primitive.execute(
        bench.grasp, bench.workspace, bench.place, on_phase=phases.append
    )
    assert phases == _ORDER
    assert outcome.is_success and not outcome.is_object_held and not outcome.is_contact
    assert outcome.finger_width == pytest.approx(0.03)
    tcp = bench.planner.forward_kinematics(bench.arm.joint_state().positions).position
    assert np.abs(tcp[:2] - [bench.place.x, bench.place.y]).max() < 1e-3
    assert list(outcome.phase_times.values()) == sorted(outcome.phase_times.values())


def test_a_miss_is_a_failure_and_the_arm_clears_the_view_all_the_same(bench: Bench) -> None:
    bench.gripper.object_width = 0.0
    phases: list[Phase] = []
    outcome = bench.primitive.execute(
        bench.grasp, bench.workspace, bench.place, on_phase=phases.append
    )
    assert not outcome.is_success and outcome.finger_width < 0.003
    assert phases == [*_ORDER[:-1], Phase.RETURN]
    assert bench.planner.is_in_view(bench.workspace, bench.arm.joint_state().positions)


def test_an_attempt_without_a_place_holds_the_object(bench: Bench) -> None:
    outcome = bench.primitive.execute(bench.grasp, bench.workspace, None)
    assert outcome.is_object_held
    tcp = bench.planner.forward_kinematics(bench.arm.joint_state().positions).position
    lift = bench.cell.config.motion.lift_height
    np.testing.assert_allclose(
        tcp, [bench.grasp.x, bench.grasp.y, bench.grasp.z + lift], atol=1e-3
    )


def test_a_cycle_takes_at_most_six_and_a_half_seconds_and_hardly_rests(bench: Bench) -> None:
    for _ in range(2):  # the second begins over the other tray
        outcome = bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert outcome.duration < 6.5
    assert outcome.idle_time < 0.05 * outcome.duration


def test_the_descent_alone_is_held_to_its_own_speed(bench: Bench) -> None:
    def plan(descent_speed: float) -> PickPlan:
        motion = dataclasses.replace(bench.cell.config.motion, descent_speed=descent_speed)
        cell = dataclasses.replace(
            bench.cell, config=dataclasses.replace(bench.cell.config, motion=motion)
        )
        start = bench.arm.joint_state().positions
        return PickPlanner(cell, bench.planner).plan(bench.grasp, bench.workspace, None, start)

    fast, slow = plan(1.0), plan(0.05)
    height = bench.cell.config.motion.approach_height
    assert slow.descend.duration > height / 0.05 > 2.0 * fast.descend.duration
    assert slow.lift.duration == pytest.approx(fast.lift.duration, rel=1e-3)


def test_place_is_announced_when_the_tray_is_in_view_and_before_the_arm_arrives(
    bench: Bench,
) -> None:
    seen: dict[Phase, np.ndarray] = {}
    bench.primitive.execute(
        bench.grasp,
        bench.workspace,
        bench.place,
        on_phase=lambda p: seen.update({p: bench.arm.joint_state().positions}),
    )
    assert bench.planner.is_in_view(bench.workspace, seen[Phase.PLACE])
    assert bench.arm.motion_status().state is MotionState.SUCCEEDED
    assert np.abs(seen[Phase.PLACE] - bench.arm.joint_state().positions).max() > 0.01


@pytest.mark.parametrize("phase", _ORDER)
def test_a_cancel_in_any_phase_stops_arm_and_fingers_at_once(bench: Bench, phase: Phase) -> None:
    cancel = threading.Event()
    at: list[float] = []

    def on_phase(entered: Phase) -> None:
        if entered is phase:
            cancel.set()
            at.append(bench.cell.clock.now())

    with pytest.raises(CancelledError):
        bench.primitive.execute(
            bench.grasp, bench.workspace, bench.place, on_phase=on_phase, cancel=cancel
        )
    assert bench.cell.clock.now() - at[0] < 0.05
    assert not bench.arm.motion_status().is_active
    assert not bench.gripper.motion_status().is_active


def test_a_cancel_in_the_middle_of_a_motion_leaves_the_arm_between(bench: Bench) -> None:
    cancel = threading.Event()
    clock, start = bench.cell.clock, bench.arm.joint_state().positions
    sleep = clock.sleep

    def sleep_and_cancel(duration: float) -> None:
        sleep(duration)
        if clock.now() > 0.3:
            cancel.set()

    clock.sleep = sleep_and_cancel
    with pytest.raises(CancelledError):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place, cancel=cancel)
    assert clock.now() < 0.35
    assert bench.arm.motion_status().state is MotionState.STOPPED
    assert np.abs(bench.arm.joint_state().positions - start).max() > 0.05


def test_a_gripper_that_does_not_answer_ends_in_a_timeout_with_the_arm_at_rest(
    bench: Bench,
) -> None:
    bench.gripper.is_silent = True
    with pytest.raises(DeviceTimeoutError, match="gripper"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert bench.cell.clock.now() < 10.0
    assert not bench.arm.motion_status().is_active


def test_an_arm_that_does_not_arrive_ends_in_a_timeout(bench: Bench) -> None:
    bench.arm.is_silent = True
    with pytest.raises(DeviceTimeoutError, match="arm did not finish"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert bench.cell.clock.now() < 10.0
    assert bench.arm.motion_status().state is MotionState.STOPPED


@pytest.mark.parametrize("phase", [Phase.PRE_GRASP, Phase.DESCEND, Phase.LIFT, Phase.VERIFY])
def test_an_arm_that_dies_ends_in_a_device_error(bench: Bench, phase: Phase) -> None:
    def on_phase(entered: Phase) -> None:
        bench.arm.is_dead = bench.arm.is_dead or entered is phase

    with pytest.raises(DeviceError, match="told to die"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=on_phase)
    assert not bench.gripper.motion_status().is_active


def test_somebody_elses_stop_during_the_descent_is_not_taken_for_contact(bench: Bench) -> None:
    clock, sleep = bench.cell.clock, bench.cell.clock.sleep
    phases: list[Phase] = []

    def sleep_and_stop(duration: float) -> None:
        sleep(duration)
        if phases[-1] is Phase.DESCEND:
            bench.arm.stop()

    clock.sleep = sleep_and_stop
    with pytest.raises(DeviceError, match="stopped"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=phases.append)
    assert phases[-1] is Phase.DESCEND


def test_a_push_from_below_ends_the_descent_and_the_grasp_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases: list[Phase] = []
    state = bench.arm.joint_state

    def with_efforts() -> JointState:
        return dataclasses.replace(state(), efforts=np.ones(6))

    def push(positions: np.ndarray, *_: np.ndarray) -> np.ndarray:
        height = bench.planner.forward_kinematics(positions).position[2]
        is_low = phases[-1] is Phase.DESCEND and height < bench.grasp.z + 0.05
        return np.array([0.0, 0.0, 60.0 if is_low else 0.0])

    monkeypatch.setattr(bench.arm, "joint_state", with_efforts)
    monkeypatch.setattr(type(bench.planner), "external_force", lambda self, *a: push(*a))
    lowest: list[float] = []

    def on_phase(phase: Phase) -> None:
        phases.append(phase)
        if phase is Phase.CLOSE:
            pose = bench.planner.forward_kinematics(state().positions)
            lowest.append(float(pose.position[2]))

    outcome = bench.primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=on_phase)
    assert outcome.is_contact and outcome.is_success
    assert bench.grasp.z + 0.03 < lowest[0] < bench.grasp.z + 0.05
    assert phases == _ORDER


def test_a_blocked_lift_lets_go_and_rises_empty_handed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases: list[Phase] = []
    start, faults = bench.arm.start_trajectory, []

    def block_first_lift(trajectory: JointTrajectory) -> None:
        start(trajectory)
        if phases[-1] is Phase.LIFT and not faults:
            faults.append(1)
            bench.arm.block()

    monkeypatch.setattr(bench.arm, "start_trajectory", block_first_lift)
    outcome = bench.primitive.execute(
        bench.grasp, bench.workspace, bench.place, on_phase=phases.append
    )
    assert faults and not outcome.is_success and phases == [*_ORDER[:-1], Phase.RETURN]
    assert bench.gripper.state().width == pytest.approx(bench.gripper.limits.stroke)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": 0.9}, CommandRejectedError, r"\(0\.900, .*outside workspace 'left'.*0\.300"),
        ({"y": -0.21}, CommandRejectedError, "outside workspace 'left'"),
        ({"z": 0.5}, CommandRejectedError, r"height 0\.500 m"),
        ({"z": -0.1}, CommandRejectedError, r"height -0\.100 m"),
        ({"z": 0.003}, CommandRejectedError, r"TCP z = 0\.003 m is outside the safety box"),
        ({"width": 0.2}, CommandRejectedError, r"width 0\.2000 m is not in \(0, 0\.085\]"),
        ({"width": -0.01}, CommandRejectedError, "width -0.0100 m"),
        ({"x": 0.598, "theta": 0.0, "z": 0.006}, CollisionError, "tray left part"),
    ],
)
def test_an_impossible_grasp_is_refused_and_nothing_moves(
    bench: Bench, changes: dict[str, float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        grasp = dataclasses.replace(bench.grasp, **changes)
        bench.primitive.execute(grasp, bench.workspace, bench.place)
    assert bench.num_commands == 0


def test_numbers_that_are_not_finite_make_no_grasp(bench: Bench) -> None:
    for key in ("x", "y", "z", "theta", "width"):
        with pytest.raises(CommandRejectedError, match=f"Grasp {key} must be finite"):
            dataclasses.replace(bench.grasp, **{key: float("nan")})


def test_an_impossible_place_is_refused_before_the_grasp(bench: Bench) -> None:
    right = bench.place.workspace
    far = PlaceTarget(right, 0.45, -0.6, 0.0)
    with pytest.raises(CommandRejectedError, match=r"TCP y = -0\.600 m"):
        bench.primitive.execute(bench.grasp, bench.workspace, far)
    with pytest.raises(CommandRejectedError, match="finite|outside"):
        bench.primitive.execute(
            bench.grasp, bench.workspace, PlaceTarget(right, float("nan"), 0.0, 0.0)
        )
    assert bench.num_commands == 0


def test_an_unreachable_grasp_is_refused_and_nothing_moves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(bench.planner.kinematics), "solve", lambda *_: None)
    with pytest.raises(UnreachableError, match="cannot reach"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert bench.num_commands == 0


def test_an_error_in_a_listener_leaves_nothing_moving(bench: Bench) -> None:
    def fail(phase: Phase) -> None:
        if phase is Phase.PLACE:
            raise RuntimeError("the listener broke")

    with pytest.raises(RuntimeError, match="the listener broke"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=fail)
    assert bench.arm.motion_status().state is MotionState.STOPPED


def test_go_home_arrives_and_rises_first_where_the_tcp_is_low(bench: Bench) -> None:
    cancel = threading.Event()

    def cancel_low(phase: Phase) -> None:
        if phase is Phase.CLOSE:
            cancel.set()

    with pytest.raises(CancelledError):
        bench.primitive.execute(
            bench.grasp, bench.workspace, bench.place, on_phase=cancel_low, cancel=cancel
        )
    commands = bench.arm.num_commands
    bench.primitive.go_home()
    assert bench.arm.num_commands == commands + 2
    home = np.array(bench.cell.arm_config.home_positions)
    np.testing.assert_allclose(bench.arm.joint_state().positions, home, atol=1e-6)


def test_a_blocked_way_home_lets_go_and_arrives(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = threading.Event()
    with pytest.raises(CancelledError):
        bench.primitive.execute(
            bench.grasp,
            bench.workspace,
            bench.place,
            on_phase=lambda phase: cancel.set() if phase is Phase.CLOSE else None,
            cancel=cancel,
        )
    start, faults = bench.arm.start_trajectory, []

    def block_first(trajectory: JointTrajectory) -> None:
        start(trajectory)
        if not faults:
            faults.append(1)
            bench.arm.block()

    monkeypatch.setattr(bench.arm, "start_trajectory", block_first)
    bench.primitive.go_home()
    home = np.array(bench.cell.arm_config.home_positions)
    np.testing.assert_allclose(bench.arm.joint_state().positions, home, atol=1e-6)
    assert faults and bench.gripper.state().width == pytest.approx(bench.gripper.limits.stroke)


def test_an_arm_that_will_not_stop_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.arm, "stop", lambda: None)
    monkeypatch.setattr(bench.arm, "motion_status", lambda: MotionStatus(MotionState.MOVING))
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(DeviceTimeoutError, match="still moves"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place, cancel=cancel)


def test_drop_places_lie_well_inside_the_tray(bench: Bench, rng: np.random.Generator) -> None:
    tray = bench.place.workspace
    drops = [sample_place(tray, 0.042, rng) for _ in range(500)]
    assert max(abs(d.x - tray.center_x) for d in drops) <= 0.1001
    assert max(abs(d.y - tray.center_y) for d in drops) <= 0.1001
    assert all(0 <= d.theta < np.pi for d in drops)


def test_objects_are_avoided_where_the_cell_says_so_and_forgotten_afterwards(
    bench: Bench,
) -> None:
    heights = np.zeros((128, 128), np.float32)
    heights[16:112, 16:112] = 0.24  # a tower all over: the wrist cannot get past it
    seen = Observation.of_heightmap(heights, bench.workspace)
    motion = dataclasses.replace(bench.cell.config.motion, avoid_objects=True)
    cell = dataclasses.replace(
        bench.cell, config=dataclasses.replace(bench.cell.config, motion=motion)
    )
    with pytest.raises(CollisionError, match="and the objects"):
        PickPrimitive(cell, bench.planner).execute(
            bench.grasp, bench.workspace, bench.place, observation=seen
        )
    assert bench.num_commands == 0
    bench.primitive.execute(bench.grasp, bench.workspace, bench.place, observation=seen)
