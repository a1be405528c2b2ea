"""Steps in closed loop on fakes: order, limits, shortening, cancels, and what pushes back."""

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equigrasp.devices.motion import JointState
from equigrasp.errors import (
    ArmStoppedError,
    CancelledError,
    CommandRejectedError,
    ConfigError,
)
from equigrasp.geometry.actions import GripperStep
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.servo import ServoPrimitive, ServoStart
from equigrasp.primitives.servo_planner import ServoLimits

Bench = Any  # test/primitives/conftest.py

_LARGEST = np.array([0.05, 0.05, 0.06, 0.8])


@pytest.fixture
def servo(bench: Bench) -> ServoPrimitive:
    return ServoPrimitive(bench.cell, bench.planner)


@pytest.fixture
def start(bench: Bench) -> ServoStart:
    """Over the middle of the left tray."""
    return ServoStart(bench.workspace.center_x, bench.workspace.center_y, 0.16, 0.3)


@pytest.fixture
def begun(bench: Bench, servo: ServoPrimitive, start: ServoStart) -> ServoPrimitive:
    servo.begin(bench.workspace, start)
    return servo


def _down(length: float, gripper: Any = "none") -> GripperStep:
    return GripperStep((0.0, 0.0, -length), 0.0, gripper)


def _during(bench: Bench, delay: float, act: Any) -> None:
    """Have `act` done so long from now [s]."""
    clock, due = bench.cell.clock, [bench.cell.clock.now() + delay]
    sleep = clock.sleep

    def sleep_and_act(duration: float) -> None:
        sleep(duration)
        if due and clock.now() > due[0]:
            due.clear()
            act()

    clock.sleep = sleep_and_act


def test_an_episode_begins_over_the_tray_with_open_fingers(
    bench: Bench, begun: ServoPrimitive, start: ServoStart
) -> None:
    state = begun.state()
    assert state.position[:2] == pytest.approx((start.x, start.y), abs=1e-4)
    assert state.height == pytest.approx(0.16, abs=1e-4)
    assert math.sin(2.0 * (state.yaw - 0.3)) == pytest.approx(0.0, abs=1e-3)  # or half a turn more
    assert state.opening == pytest.approx(0.085) and not state.is_closed


def test_a_step_goes_where_it_is_asked_to(bench: Bench, begun: ServoPrimitive) -> None:
    before = begun.state()
    outcome = begun.step(GripperStep((0.03, -0.02, -0.04), 0.5))
    after = begun.state()
    moved = np.subtract(after.position, before.position)
    assert moved == pytest.approx([0.03, -0.02, -0.04], abs=1e-4)
    assert after.yaw - before.yaw == pytest.approx(0.5, abs=1e-3)
    assert outcome.executed.d_position == pytest.approx(moved, abs=1e-9)
    assert outcome.executed.d_theta == pytest.approx(0.5, abs=1e-3)
    assert not outcome.is_contact and 0.2 < outcome.duration < 1.0


def test_the_way_of_a_step_is_straight(bench: Bench, begun: ServoPrimitive) -> None:
    begun.step(GripperStep((0.04, 0.03, -0.05), -0.6))
    points = np.array(
        [bench.planner.forward_kinematics(q).position for q in bench.arm.commands[-1].positions]
    )
    way = points - points[0]
    ahead = way[-1] / np.linalg.norm(way[-1])
    assert np.abs(way - np.outer(way @ ahead, ahead)).max() < 1e-3


def test_a_pure_turn_takes_its_time_and_no_way(bench: Bench, begun: ServoPrimitive) -> None:
    outcome = begun.step(GripperStep((0.0, 0.0, 0.0), 0.8))
    assert outcome.executed.d_theta == pytest.approx(0.8, abs=1e-3)
    assert np.abs(outcome.executed.d_position).max() < 1e-4
    assert bench.arm.commands[-1].duration > 0.3


def test_a_step_of_nothing_commands_nothing(bench: Bench, begun: ServoPrimitive) -> None:
    count = bench.num_commands
    outcome = begun.step(GripperStep((0.0, 0.0, 0.0), 0.0, "open"))
    assert bench.num_commands == count
    assert outcome.executed == GripperStep((0.0, 0.0, 0.0), 0.0)


def test_too_large_a_step_is_held_to_its_size(begun: ServoPrimitive) -> None:
    outcome = begun.step(GripperStep((0.3, 0.0, -0.5), 2.0))
    dx, dy, dz = outcome.executed.d_position
    assert (dx, dy, dz) == pytest.approx((0.0708, 0.0, -0.06), abs=1e-3)
    assert outcome.executed.d_theta == pytest.approx(0.8, abs=1e-3)
    assert outcome.asked == GripperStep((0.3, 0.0, -0.5), 2.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sense", [-1.0, 1.0])
def test_the_servo_box_ends_a_way(
    bench: Bench, begun: ServoPrimitive, axis: int, sense: float
) -> None:
    lower, upper = begun._steps.box(bench.workspace)
    way = [0.0, 0.0, 0.0]
    way[axis] = 0.06 * sense
    for _ in range(5):
        begun.step(GripperStep((way[0], way[1], way[2]), 0.0))
    position = np.array(begun.state().position)
    assert (position > lower - 1e-4).all() and (position < upper + 1e-4).all()
    if axis == 2:
        assert position[2] == pytest.approx((lower if sense < 0.0 else upper)[2], abs=1e-3)


def test_along_a_side_of_the_box_the_rest_of_a_step_is_kept(
    bench: Bench, servo: ServoPrimitive
) -> None:
    tray = bench.workspace
    half = tray.action_size_px * tray.pixel_size / 2.0
    servo.begin(tray, ServoStart(tray.center_x + half - 0.01, tray.center_y, 0.16, 0.3))
    outcome = servo.step(GripperStep((0.05, 0.04, 0.0), 0.0))
    assert outcome.executed.d_position == pytest.approx((0.01, 0.04, 0.0), abs=1e-3)


def test_what_would_touch_a_wall_ends_before_it(bench: Bench, servo: ServoPrimitive) -> None:
    tray = bench.workspace
    servo.begin(tray, ServoStart(tray.center_x, tray.center_y + 0.135, 0.16, math.pi / 2))
    executed = [servo.step(_down(0.05)).executed.d_position[2] for _ in range(5)]
    assert executed[0] == pytest.approx(-0.05, abs=1e-3)
    assert executed[-1] == pytest.approx(0.0, abs=2e-3)
    height = servo.state().height
    assert 0.02 < height < 0.10  # the outer finger stands over the sloped wall
    posture = bench.arm.joint_state().positions
    assert bench.planner.find_collision(posture) is None


def test_every_command_passes_the_check_of_the_driver(bench: Bench, begun: ServoPrimitive) -> None:
    rng = np.random.default_rng(3)
    for _ in range(15):
        way = rng.normal(0.0, 1.0, 4) * _LARGEST
        begun.step(GripperStep((way[0], way[1], way[2]), way[3]))
    check = TrajectoryCheck(bench.cell.config)
    for line in bench.arm.commands:
        begin = line.positions[0]
        check.check(line, JointState(0.0, begin, np.zeros_like(begin), np.zeros_like(begin)))


def test_the_wrist_never_winds_up(bench: Bench, begun: ServoPrimitive) -> None:
    turned = sum(begun.step(GripperStep((0, 0, 0), 0.8)).executed.d_theta for _ in range(8))
    assert turned == pytest.approx(math.pi, abs=0.01)
    assert begun.bounds(_LARGEST, 0.0)[1][3] == pytest.approx(0.0, abs=0.01)
    assert begun.step(GripperStep((0, 0, 0), -0.8)).executed.d_theta == pytest.approx(
        -0.8, abs=1e-2
    )


@pytest.mark.parametrize("frame_yaw", [0.0, 0.7])
def test_bounds_are_what_can_be_done_along_an_axis(
    bench: Bench, servo: ServoPrimitive, frame_yaw: float
) -> None:
    tray = bench.workspace
    servo.begin(tray, ServoStart(tray.center_x + 0.12, tray.center_y - 0.1, 0.22, 0.3))
    lowest, highest = servo.bounds(_LARGEST, frame_yaw)
    assert (lowest <= 0.0).all() and (highest >= 0.0).all()
    assert (lowest >= -_LARGEST).all() and (highest <= _LARGEST).all()
    assert highest[2] == pytest.approx(0.03, abs=1e-3)
    ahead = np.array([math.cos(frame_yaw), math.sin(frame_yaw)])
    assert highest[0] == pytest.approx(min(0.05, 0.03 / ahead[0]), abs=1e-3)
    outcome = servo.step(GripperStep((*(highest[0] * ahead), 0.0), 0.0))
    done = float(np.array(outcome.executed.d_position[:2]) @ ahead)
    assert done == pytest.approx(highest[0], abs=1e-3)


def test_fingers_close_after_the_motion_and_hold(bench: Bench, begun: ServoPrimitive) -> None:
    outcome = begun.step(_down(0.05, "close"))
    assert outcome.executed.gripper == "close"
    state = begun.state()
    assert state.is_closed and state.is_stalled and state.opening == pytest.approx(0.03)
    again = begun.step(_down(0.01, "close"))
    assert again.executed.gripper == "none" and begun.state().is_closed
    assert begun.step(GripperStep((0, 0, 0.02), 0.0, "open")).executed.gripper == "open"
    assert begun.state().opening == pytest.approx(0.085) and not begun.state().is_closed


def test_a_grasp_is_lifted_verified_and_put_down(
    bench: Bench, servo: ServoPrimitive, start: ServoStart
) -> None:
    phases: list[Phase] = []
    servo.begin(bench.workspace, start, bench.place, on_phase=phases.append)
    servo.step(_down(0.06))
    servo.step(_down(0.06, "close"))
    outcome = servo.finish()
    assert phases == [Phase.PLANNING, Phase.PRE_GRASP, Phase.LIFT, Phase.VERIFY, Phase.PLACE]
    assert outcome.is_success and not outcome.is_object_held
    assert outcome.finger_width == pytest.approx(0.03)
    assert bench.gripper.state().width == pytest.approx(0.085)
    tcp = bench.planner.forward_kinematics(bench.arm.joint_state().positions).position
    assert np.abs(tcp[:2] - [bench.place.x, bench.place.y]).max() < 1e-3
    servo.go_home()
    home = bench.cell.arm_config.home_positions
    assert bench.arm.joint_state().positions == pytest.approx(home, abs=1e-3)


def test_without_a_place_what_is_held_stays_in_the_fingers(begun: ServoPrimitive) -> None:
    begun.step(_down(0.06, "close"))
    outcome = begun.finish()
    assert outcome.is_success and outcome.is_object_held
    with pytest.raises(CommandRejectedError, match="No servo episode"):
        begun.finish()


def test_open_fingers_hold_nothing(begun: ServoPrimitive) -> None:
    begun.step(_down(0.06))
    assert not begun.finish().is_success


def test_a_step_without_an_episode_moves_nothing(bench: Bench, servo: ServoPrimitive) -> None:
    for ask in (servo.state, servo.finish, lambda: servo.step(_down(0.01))):
        with pytest.raises(CommandRejectedError, match="No servo episode has begun"):
            ask()
    assert bench.num_commands == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": 0.9}, "outside the box of workspace 'left'"),
        ({"height": 0.002}, "outside the box"),
        ({"height": math.nan}, "outside the box"),
        ({"yaw": math.inf}, "yaw must be finite"),
    ],
)
def test_a_bad_start_is_refused_and_nothing_moves(
    bench: Bench, servo: ServoPrimitive, start: ServoStart, change: dict, words: str
) -> None:
    with pytest.raises(CommandRejectedError, match=words):
        servo.begin(bench.workspace, replace(start, **change))
    assert bench.num_commands == 0


def test_a_detector_that_must_see_the_tray_needs_a_place(bench: Bench, start: ServoStart) -> None:
    config = replace(bench.cell.config, success_detection="image_difference")
    servo = ServoPrimitive(replace(bench.cell, config=config), bench.planner)
    with pytest.raises(CommandRejectedError, match="needs a place to go to"):
        servo.begin(bench.workspace, start)
    assert bench.num_commands == 0


@pytest.mark.parametrize("delay", [0.02, 0.2, 0.7])
def test_a_cancel_within_a_step_stops_arm_and_fingers_at_once(
    bench: Bench, servo: ServoPrimitive, start: ServoStart, delay: float
) -> None:
    cancel, cancelled = threading.Event(), []
    servo.begin(bench.workspace, start, cancel=cancel)

    def act() -> None:
        cancel.set()
        cancelled.append(bench.cell.clock.now())

    _during(bench, delay, act)  # 0.7 s: while the fingers close
    with pytest.raises(CancelledError):
        servo.step(_down(0.06, "close"))
    assert bench.cell.clock.now() - cancelled[0] < 0.2
    assert not bench.arm.motion_status().is_active
    assert not bench.gripper.motion_status().is_active
    with pytest.raises(CommandRejectedError, match="No servo episode"):
        servo.step(_down(0.01))


def test_a_cancel_between_steps_moves_nothing_more(
    bench: Bench, servo: ServoPrimitive, start: ServoStart
) -> None:
    cancel = threading.Event()
    servo.begin(bench.workspace, start, cancel=cancel)
    servo.step(_down(0.06, "close"))
    count, width = bench.num_commands, bench.gripper.state().width
    cancel.set()
    with pytest.raises(CancelledError):
        servo.step(_down(0.01))
    assert bench.num_commands == count and bench.gripper.state().width == width


def test_a_push_from_below_stops_a_descent_and_the_hand_goes_no_deeper(
    bench: Bench, servo: ServoPrimitive, start: ServoStart
) -> None:
    bench.arm.force = np.array([1.0, 2.0, 3.0])
    servo.begin(bench.workspace, start)
    _during(bench, 0.2, lambda: setattr(bench.arm, "force", np.array([1.0, 2.0, 60.0])))
    stopped = servo.step(_down(0.06))
    assert stopped.is_contact and -0.05 < stopped.executed.d_position[2] < -0.005
    assert servo.bounds(_LARGEST, 0.0)[0][2] == 0.0
    blocked = servo.step(GripperStep((0.02, 0.0, -0.03), 0.0))
    assert blocked.executed.d_position[2] == pytest.approx(0.0, abs=1e-4)
    bench.arm.force = np.array([1.0, 2.0, 3.0])
    servo.step(GripperStep((0.0, 0.0, 0.02), 0.0))
    assert servo.bounds(_LARGEST, 0.0)[0][2] == pytest.approx(-0.06)


def test_small_steps_deeper_and_deeper_are_noticed_at_rest(
    bench: Bench, servo: ServoPrimitive, start: ServoStart
) -> None:
    """Each is over before a guard listens to its motion, and adds 5 N to what pushes back."""
    bench.arm.force = np.zeros(3)
    servo.begin(bench.workspace, start)
    deepest = servo.state().height
    for _ in range(20):
        outcome = servo.step(_down(0.001))
        assert outcome.duration < 0.1
        bench.arm.force = bench.arm.force + [0.0, 0.0, 5.0 * bool(outcome.executed.d_position[2])]
    limit = bench.cell.config.safety.contact_force / 5.0
    assert deepest - servo.state().height < (limit + 2.5) * 0.001


def test_a_push_from_aside_stops_a_way_and_it_goes_no_further(
    bench: Bench, servo: ServoPrimitive, start: ServoStart
) -> None:
    bench.arm.force = np.zeros(3)
    servo.begin(bench.workspace, start)
    _during(bench, 0.15, lambda: setattr(bench.arm, "force", np.array([60.0, 0.0, 0.0])))
    stopped = servo.step(GripperStep((0.05, 0.0, 0.0), 0.0))
    assert stopped.is_contact and stopped.executed.d_position[0] < 0.045
    again = servo.step(GripperStep((0.05, 0.0, 0.0), 0.0))
    assert again.executed.d_position[0] == pytest.approx(0.0, abs=1e-3)
    lowest, highest = servo.bounds(_LARGEST, 0.0)
    assert highest[0] == 0.0 and lowest[0] == pytest.approx(-0.05)


def test_a_blocked_arm_ends_the_step_and_the_next_one_begins_where_it_is(
    bench: Bench, begun: ServoPrimitive
) -> None:
    _during(bench, 0.15, bench.arm.block)
    blocked = begun.step(_down(0.06))
    assert blocked.is_contact
    height = begun.state().height
    begun.step(GripperStep((0.0, 0.0, 0.03), 0.0))
    assert begun.state().height == pytest.approx(height + 0.03, abs=1e-3)


def test_an_arm_that_refuses_ends_the_episode(bench: Bench, begun: ServoPrimitive) -> None:
    bench.arm.is_dead = True
    with pytest.raises(ArmStoppedError):
        begun.step(_down(0.06))
    with pytest.raises(CommandRejectedError, match="No servo episode"):
        begun.state()


def test_an_arm_in_contact_may_only_rise(
    bench: Bench, begun: ServoPrimitive, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = bench.arm.joint_state().positions
    find = type(bench.planner).find_collision

    def find_or_here(planner: Any, positions: np.ndarray) -> Any:
        is_here = np.abs(positions - here).max() < 1e-6
        return "something" if is_here else find(planner, positions)

    monkeypatch.setattr(type(bench.planner), "find_collision", find_or_here)
    stuck = begun.step(GripperStep((0.03, 0.0, -0.02), 0.3))
    assert np.abs(stuck.executed.d_position).max() < 1e-6
    freed = begun.step(GripperStep((0.03, 0.0, 0.02), 0.3))
    assert freed.executed.d_position == pytest.approx((0.0, 0.0, 0.02), abs=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"turn": 0.0}, "turn must be positive"),
        ({"wind_up": math.nan}, "wind_up must be positive"),
        ({"lowest": 0.3}, "must be below highest"),
    ],
)
def test_bad_limits_are_named(change: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ServoLimits(**change)
