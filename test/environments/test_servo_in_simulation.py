"""Closed loop in PyBullet: it grasps, keeps its limits, notices what it presses on, and remembers what it saw."""

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from equigrasp.environments.servo_events import MovedAside, PushedAway
from equigrasp.environments.servo_grasp import SceneRules, ServoEvents, ServoGraspEnv
from equigrasp.environments.servo_script import AimedScript, UniformScript
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import CancelledError, ConfigError, PerceptionError
from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.transform import Transform
from equigrasp.perception.observation import GRIPPER
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    GripperStatus,
    check_servo_observation,
)
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.primitives.servo import ServoPrimitive, ServoStart
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_SHAPE = "bar_0"
_CLOSE = GripperStep((0.0, 0.0, 0.0), 0.0, "close")


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulatedCell]:
    with make_simulated_cell("ur5") as simulation:
        yield simulation


@pytest.fixture(scope="module")
def planner(simulation: SimulatedCell) -> OmplPlanner:
    return OmplPlanner(simulation.cell)


def _env(
    simulation: SimulatedCell,
    planner: OmplPlanner,
    task: ServoTask | None = None,
    events: ServoEvents | None = None,
    num_objects: int = 3,
    shape: str = _SHAPE,
) -> ServoGraspEnv:
    return ServoGraspEnv(
        simulation.cell,
        simulation.world,
        planner,
        task or ServoTask(),
        lambda scene: [shape] * num_objects,
        7,
        scenes=SceneRules(num_objects=num_objects, num_episodes=3, least_objects=1),
        events=events,
    )


def _run(env: ServoGraspEnv, script: Any) -> list[Any]:
    """Run an episode and return the results of its steps."""
    rng, results = np.random.default_rng(1), []
    while not env.is_over:
        results.append(env.step(script.choose(env.observe(), rng)))
    return results


@pytest.mark.slow
def test_a_closed_loop_episode_picks_an_object(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    """One of the first three does, and the rewards are those of the task."""
    env, num_objects = _env(simulation, planner), 3
    for _ in range(3):
        env.reset()
        results = _run(env, AimedScript(env.task))
        rewards, discounts = [r.reward for r in results], [r.discount for r in results]
        assert rewards[:-1] == [-0.02] * (len(results) - 1)
        assert discounts[:-1] == [0.9] * (len(results) - 1) and discounts[-1] == 0.0
        if rewards[-1] == 1.0:
            break
    assert rewards[-1] == 1.0 and results[-1].outcome.is_success
    assert results[-1].ended_by == "terminated" and results[-1].executed.is_final
    assert not results[-1].is_disagreeing
    assert len(simulation.world.objects()) < num_objects  # two may hang in the fingers at once
    with pytest.raises(PerceptionError, match="episode has ended"):
        env.step(_CLOSE)


@pytest.mark.slow
def test_observations_fit_and_ages_grow_below_the_hand(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    env = _env(simulation, planner)
    env.reset()
    oldest = []
    for k in range(4):
        seen = env.observe()
        check_servo_observation(seen)
        status = GripperStatus.of(seen)
        assert status.steps_left == pytest.approx(1.0 - k / 10)
        assert seen.arrays[HEIGHTS].shape == seen.arrays[AGE].shape == (36, 36)
        oldest.append(int(seen.arrays[AGE].max()))
        env.step(GripperStep((0.0, 0.0, -0.03), 0.0))
    ages = env.observe().arrays[AGE]
    assert (ages == 0).any()  # seen past the hand, now
    assert oldest == sorted(oldest) and oldest[-1] > oldest[0] + 5  # and hidden ever since


@pytest.mark.slow
def test_the_view_of_the_gripper_turns_with_it(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    """Half a turn in four steps: what is remembered appears turned round."""
    env = _env(simulation, planner)
    env.reset()
    before = env.observe().arrays[HEIGHTS].astype(int)
    turn = np.pi / 4 if env.state().yaw < 0 else -np.pi / 4
    for _ in range(4):
        env.step(GripperStep((0.0, 0.0, 0.0), turn))
    after = env.observe().arrays[HEIGHTS].astype(int)
    is_same = np.abs(after[::-1, ::-1] - before) < 50  # 5 mm; edges seen from the front differ
    assert is_same.mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("termination", "steps", "ended_by"),
    [
        ("guarded", [GripperStep((0, 0, -0.03), 0.0, is_final=True)] * 4, "time-out"),
        ("learned", [GripperStep((0, 0, -0.03), 0.0, is_final=True)], "terminated"),
        ("scripted", [_CLOSE, GripperStep((0, 0, 0.05), 0.0)], "scripted"),
    ],
)
def test_episodes_end_as_the_task_says(
    simulation: SimulatedCell,
    planner: OmplPlanner,
    termination: Any,
    steps: list[GripperStep],
    ended_by: str,
) -> None:
    env = _env(simulation, planner, ServoTask(termination=termination, max_steps=4))
    env.reset()
    results = [env.step(step) for step in steps]
    assert [r.is_last for r in results] == [False] * (len(results) - 1) + [True]
    assert results[-1].ended_by == ended_by and results[-1].reward == 0.0
    assert all(r.executed.is_final == (r.ended_by == "terminated") for r in results)


@pytest.mark.slow
def test_a_time_out_with_something_in_the_fingers_is_a_success(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    """The script asks for the end, but the task takes none, and time runs out while it holds something."""
    task = ServoTask(termination="scripted", scripted_height=0.5, max_steps=12)
    env = _env(simulation, planner, task)
    for _ in range(3):
        env.reset()
        results = _run(env, AimedScript(env.task))
        assert results[-1].ended_by == "time-out" and len(results) == 12
        if results[-1].reward == 1.0:
            return
    pytest.fail("Nothing was held at any time-out.")


@pytest.mark.slow
def test_pressing_deeper_step_by_step_is_stopped(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    """Closed fingers, on a bar that lies on the tray's floor."""
    world, tray = simulation.world, simulation.cell.config.workspaces[0]
    world.reset(3)
    world.place_object(_SHAPE, Transform.top_down(tray.center_x, tray.center_y, 0.03, 0.0))
    simulation.physics.sleep(1.0)
    (thing,) = world.objects()
    x, y, _ = thing.pose.position
    servo = ServoPrimitive(simulation.cell, planner)
    servo.begin(tray, ServoStart(float(x), float(y), 0.10, 0.0))
    servo.step(_CLOSE)
    outcomes, heights = [], []
    for _ in range(14):
        outcomes.append(servo.step(GripperStep((0.0, 0.0, -0.01), 0.0)))
        heights.append(servo.state().height)
    assert outcomes[-1].is_contact and not outcomes[0].is_contact
    assert heights[-1] > servo.limits.lowest + 0.002  # the bar, not the box, ended it
    assert abs(heights[-1] - heights[-4]) < 0.002
    assert servo.bounds(np.array([0.05, 0.05, 0.06, 0.8]), 0.0)[0][2] == 0.0
    freed = servo.step(GripperStep((0.0, 0.0, 0.05), 0.0))
    assert freed.executed.d_position[2] == pytest.approx(0.05, abs=0.005)
    servo.go_home()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.05, 0.15, 0.25])
def test_a_cancel_within_a_step_brings_the_arm_to_rest(
    simulation: SimulatedCell, planner: OmplPlanner, delay: float
) -> None:
    """Within 200 ms of simulated time, wherever in the motion it comes."""
    physics, tray = simulation.physics, simulation.cell.config.workspaces[0]
    simulation.world.reset(0)
    servo, cancel = ServoPrimitive(simulation.cell, planner), threading.Event()
    servo.begin(tray, ServoStart(tray.center_x, tray.center_y, 0.16, 0.0), cancel=cancel)
    due = physics.now() + delay
    physics.add_step_hook(lambda now: cancel.set() if now >= due else None)
    with pytest.raises(CancelledError):
        servo.step(GripperStep((0.05, 0.05, -0.06), 0.8))
    assert 0.0 <= physics.now() - due < 0.2
    assert np.abs(simulation.cell.arm.joint_state().velocities).max() < 0.05
    assert not simulation.cell.arm.motion_status().is_active
    servo.go_home()


class _Limits:
    """Watches an arm at every step of the physics."""

    def __init__(self, simulation: SimulatedCell, servo: ServoPrimitive) -> None:
        self._simulation, self._servo = simulation, servo
        self._tray = simulation.cell.config.workspaces[0]
        self.is_on = False
        self.worst_outside, self.worst_speed = -np.inf, 0.0
        simulation.physics.add_step_hook(self._look)

    def _look(self, now: float) -> None:
        if not self.is_on:
            return
        state = self._simulation.cell.arm.joint_state()
        tcp = self._servo.planner.forward_kinematics(state.positions).position
        lower, upper = self._servo._steps.box(self._tray)
        self.worst_outside = max(self.worst_outside, float(np.max([lower - tcp, tcp - upper])))
        limits = np.asarray(self._simulation.cell.arm.limits.velocities)
        self.worst_speed = max(self.worst_speed, float((np.abs(state.velocities) / limits).max()))


def _fuzz(simulation: SimulatedCell, planner: OmplPlanner, num_actions: int) -> None:
    """Fuzz actions far beyond every size, among objects; each command passes the driver's check."""
    tray, arm, rng = (
        simulation.cell.config.workspaces[0],
        simulation.cell.arm,
        np.random.default_rng(5),
    )
    simulation.world.reset(5)
    simulation.world.spawn_objects([_SHAPE] * 4, tray)
    servo = ServoPrimitive(simulation.cell, planner)
    check, limits = TrajectoryCheck(simulation.cell.config), _Limits(simulation, servo)
    start_trajectory, commands = arm.start_trajectory, 0

    def checked(trajectory: Any) -> None:
        nonlocal commands
        check.check(trajectory, arm.joint_state(), arm.set_point())
        commands += 1
        start_trajectory(trajectory)

    arm.start_trajectory = checked  # type: ignore[method-assign]
    try:
        for k in range(num_actions):
            if k % 40 == 0:
                limits.is_on = False
                servo.go_home()
                x, y = rng.uniform(-0.1, 0.1, 2) + [tray.center_x, tray.center_y]
                servo.begin(tray, ServoStart(float(x), float(y), 0.16, 0.0))
                limits.is_on = True
            way = rng.standard_cauchy(3) * 0.04
            command = rng.choice(["none", "none", "none", "open", "close"])
            servo.step(
                GripperStep((way[0], way[1], way[2]), float(rng.standard_cauchy()), command)
            )
    finally:
        arm.start_trajectory = start_trajectory  # type: ignore[method-assign]
        limits.is_on = False
        servo.go_home()
    assert commands > 0.5 * num_actions
    assert limits.worst_outside < 0.003  # [m] of tracking, and of what a collision does to it
    assert limits.worst_speed < 1.05


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_fuzzed_action_leaves_box_or_limits(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    _fuzz(simulation, planner, 1000)


@pytest.mark.slow
def test_what_is_between_open_fingers_is_pushed_away_once(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    event = PushedAway(simulation.world)
    env = _env(simulation, planner, events=event, num_objects=1, shape="ball_0")
    env.reset()
    event._rng = np.random.default_rng(0)
    (thing,) = simulation.world.objects()
    x, y, _ = thing.pose.position
    for _ in range(6):
        position = env.state().position
        env.step(GripperStep((x - position[0], y - position[1], -0.05), 0.0))
        if event.has_happened:
            break
    assert event.has_happened
    (after,) = simulation.world.objects()
    simulation.physics.sleep(0.3)
    (later,) = simulation.world.objects()
    assert np.linalg.norm(later.pose.position - after.pose.position) > 0.005


@pytest.mark.slow
def test_the_nearest_object_is_moved_by_five_centimetres(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    event = MovedAside(simulation.world)
    env = _env(simulation, planner, events=event)
    env.reset()
    before = {o.handle: o.pose.position for o in simulation.world.objects()}
    while not event.has_happened:
        assert env.num_steps < 3
        env.step(GripperStep((0.0, 0.0, 0.0), 0.1))
    moved = [
        np.linalg.norm((o.pose.position - before[o.handle])[:2])
        for o in simulation.world.objects()
    ]
    assert sorted(moved)[-1] == pytest.approx(0.05, abs=0.01) and sorted(moved)[-2] < 0.01


@pytest.mark.slow
def test_a_picture_is_what_the_camera_sees(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    env = _env(simulation, planner, ServoTask(sight="picture", frame="base"))
    env.reset()
    seen = env.observe()
    check_servo_observation(seen)
    assert seen.arrays[PICTURE].shape == (144, 256, 3) and HEIGHTS not in seen.arrays
    assert {GRIPPER, BOUNDS} <= set(seen.arrays)


@pytest.mark.slow
def test_scenes_and_starts_are_the_same_for_all_policies(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    starts = []
    for script in (UniformScript(ServoTask()), AimedScript(ServoTask())):
        env = _env(simulation, planner)
        for _ in range(2):
            env.reset()
            first = env.state()
            _run(env, script)
        starts.append((first.position, first.yaw))
    assert starts[0][0] == pytest.approx(starts[1][0], abs=1e-3)
    assert np.sin(2 * (starts[0][1] - starts[1][1])) == pytest.approx(0.0, abs=1e-2)


def test_a_cell_without_a_front_camera_is_named(
    simulation: SimulatedCell, planner: OmplPlanner
) -> None:
    blind = dataclasses.replace(simulation, cell=dataclasses.replace(simulation.cell, cameras={}))
    with pytest.raises(ConfigError, match="has no camera 'front'"):
        _env(blind, planner)
