"""The main protocol of grasps in closed loop: any policy, seeded scenes, one grasp an episode.

One tray, 6 objects of a split; an episode is one grasp, and what is held leaves the world; a new scene every 10
grasps, or when fewer than 2 objects are left. The TCP begins 16 cm above the floor, anywhere within 10 cm of
the tray's middle each way, at any yaw, fingers open.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from tqdm import tqdm

from equigrasp.environments.displaced_camera import with_displaced_cameras
from equigrasp.environments.servo_events import Event, MovedAside, PushedAway
from equigrasp.environments.servo_grasp import SceneRules, ServoGraspEnv, ServoResult
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import ConfigError
from equigrasp.experiments.rollouts.loop import Loop, Rules
from equigrasp.experiments.runs.claims import claim
from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.experiments.servo.extent import Emptying, Episodes, Extent
from equigrasp.experiments.servo.servo_folder import ServoFolder
from equigrasp.experiments.servo.servo_strip import Look, ServoStrips
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Mode, Policy
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.seeding import SceneStream, Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

Disturbance = Literal["none", "pushed", "moved", "camera"]

_RULES = Rules(max_refusals=20, is_episodic=True, told_modes=())
_ROUND = ("ball", "can")  # families of shapes that roll when pushed
_SHORTER = 2e-3  # [m or rad] by which a shortened step differs at least
_STEPS_BETWEEN_CHECKS = 8  # of the physics, for what happens in the middle of a motion


@dataclass(frozen=True)
class ServoProtocol:
    """Where and how a policy is measured.

    Args:
        cell: Name of the cell.
        objects: Object set.
        split: Part of it: `train`, `test` or `all`.
        seed: Of scenes and choices.
        disturbance: `pushed`: the first object between the fingers rolls off; balls and cans only. `moved`: the
            nearest object is shifted by 5 cm. `camera`: all cameras are off by 15 mm and 1 degree.
        depth_noise: In the place of the cameras' own; empty: their own.
        scenes: When the tray is filled anew.

    Raises:
        ConfigError: if the disturbance is unknown.
    """

    cell: str = "ur5"
    objects: str = "household"
    split: str = "test"
    seed: int = 0
    disturbance: Disturbance = "none"
    depth_noise: str = ""
    scenes: SceneRules = SceneRules()

    def __post_init__(self) -> None:
        if self.disturbance not in get_args(Disturbance):
            known = ", ".join(get_args(Disturbance))
            raise ConfigError(f"disturbance '{self.disturbance}' is not one of {known}.")


def evaluate_servo(
    protocol: ServoProtocol,
    task: ServoTask,
    make_policy: Callable[[SimulatedCell], Policy[GripperStep]],
    num_episodes: int,
    out: Path,
    *,
    named: Mapping[str, Any],
    mode: Mode = "greedy",
    emptying: Emptying | None = None,
    strips: ServoStrips | None = None,
) -> dict[str, Any]:
    """Run episodes without learning, or carry on running them, and return `servo_evaluation.json`.

    Args:
        protocol: Where and how.
        task: Steps, view, reward and end.
        make_policy: Makes the policy that is measured.
        num_episodes: How many, those that lie there already included; not of `emptying`.
        out: Folder; see `ServoFolder`.
        named: What names the policy: name, weights, commit. Under other names all begins anew.
        mode: Of the policy.
        emptying: Full trays are emptied, in the place of single episodes; has scenes of its own.
        strips: Draws episodes.

    Raises:
        ConfigError: if another process is at work in the folder.
    """
    conditions = {**named, "mode": mode} | {
        key: getattr(protocol, key)
        for key in ("cell", "objects", "split", "seed", "disturbance", "depth_noise")
    }
    extent: Extent = Episodes(num_episodes) if emptying is None else emptying
    if emptying is not None:
        protocol = replace(protocol, scenes=emptying.scenes)
        conditions |= {"task": "emptying", "num_objects": emptying.scenes.num_objects}
    with claim(out / "servo_evaluation.lock") as is_mine:
        if not is_mine:
            raise ConfigError(f"Another process is evaluating into '{out}'.")
        folder = ServoFolder(out, conditions, extent)
        if not folder.is_whole:
            with make_simulated_cell(
                protocol.cell,
                object_set=protocol.objects,
                seed=protocol.seed,
                depth_noise=protocol.depth_noise,
            ) as simulation:
                policy = make_policy(simulation)
                runner = _Runner(protocol, task, policy, simulation, mode, strips)
                runner.carry_on(folder, extent.total)
        return folder.result()


def make_environment(
    simulation: SimulatedCell, protocol: ServoProtocol, task: ServoTask, first_scene: int = 0
) -> tuple[ServoGraspEnv, Event | None]:
    """Return the environment of a protocol, and what happens in it; None: nothing does."""
    world, seed = simulation.world, derive_seed(protocol.seed, Stream.EVALUATION_SCENES)
    kinds = {"pushed": PushedAway, "moved": MovedAside}
    event = kinds[protocol.disturbance](world) if protocol.disturbance in kinds else None
    cell, planner = simulation.cell, OmplPlanner(simulation.cell)
    if protocol.disturbance == "camera":
        cell = with_displaced_cameras(cell, np.random.default_rng([seed, SceneStream.KNOCKS]))
    env = ServoGraspEnv(
        cell,
        world,
        planner,
        task,
        _names(simulation, protocol, seed),
        seed,
        scenes=protocol.scenes,
        events=event,
        first_scene=first_scene,
    )
    if isinstance(event, PushedAway):
        _check_in_motion(simulation, env, event)
    return env, event


def _names(
    simulation: SimulatedCell, protocol: ServoProtocol, seed: int
) -> Callable[[int], list[str]]:
    """Return what draws the shapes of a scene, by its number."""
    objects, count = simulation.world.object_set, protocol.scenes.num_objects

    def draw(number: int) -> list[str]:
        rng = np.random.default_rng([seed, SceneStream.OBJECTS, number])
        if protocol.disturbance != "pushed":
            return objects.draw(protocol.split, count, rng)
        names = [n for n in objects.names(protocol.split) if n.startswith(_ROUND)]
        if not names:
            raise ConfigError(
                f"Split '{protocol.split}' of '{protocol.objects}' holds no {' or '.join(_ROUND)}."
            )
        return [str(n) for n in rng.choice(names, count, replace=len(names) < count)]

    return draw


def _check_in_motion(simulation: SimulatedCell, env: ServoGraspEnv, event: PushedAway) -> None:
    num_steps = 0

    def check(now: float) -> None:
        nonlocal num_steps
        num_steps += 1
        if num_steps % _STEPS_BETWEEN_CHECKS == 0 and not env.is_over:
            event.check(env)

    simulation.physics.add_step_hook(check)


class _Runner:
    """Runs the episodes that are missing."""

    def __init__(
        self,
        protocol: ServoProtocol,
        task: ServoTask,
        policy: Policy[GripperStep],
        simulation: SimulatedCell,
        mode: Mode,
        strips: ServoStrips | None,
    ) -> None:
        self._protocol, self._task, self._policy = protocol, task, policy
        self._simulation, self._mode, self._strips = simulation, mode, strips

    def carry_on(self, folder: ServoFolder, total: int) -> None:
        """Go on where a folder ends; `total`: episodes at most."""
        protocol = self._protocol
        env, event = make_environment(self._simulation, protocol, self._task, folder.next_scene)
        seed = derive_seed(protocol.seed, Stream.EVALUATION_SCENES)
        loop = Loop(env, self._policy, _RULES, seed)
        with tqdm(
            total=total, initial=len(folder.rows), unit="episode", desc=protocol.disturbance
        ) as bar:
            while not folder.is_whole:
                for row in self._episode(env, loop, event):
                    folder.add(row)
                    bar.update()
                rate = folder.result()["success_rate"]
                bar.set_postfix_str(f"success {100 * rate:.0f} %", False)

    def _episode(
        self, env: ServoGraspEnv, loop: Loop[GripperStep], event: Event | None
    ) -> list[EpisodeRow]:
        """Run one episode to its end; those before it that broke off are failures."""
        env.reset()
        rows, tally, looks = list[EpisodeRow](), _Tally(env), list[Look]()
        while True:
            number = (env.scene * 1000 + env.episode) * 1000 + env.num_steps
            made = loop.attempt(number, self._mode)
            if not tally.is_of(env):  # an error ended the one before
                rows.append(tally.row("error", 0, event=None))
                tally, looks = _Tally(env), []
            assert isinstance(made.result, ServoResult)
            tally.add(made.result, made.decision.value)
            looks.append((made.observation, made.decision))
            if made.result.is_last:
                disagreeing = int(made.result.is_disagreeing)
                outcome, left = made.result.outcome, _num_left(env)
                success, ended_by = int(outcome.is_success), made.result.ended_by
                rows.append(
                    tally.row(ended_by, success, event, disagreeing, outcome.duration, left)
                )
                if self._strips is not None:
                    self._strips.draw(rows[-1], looks)
                return rows


class _Tally:
    """Counts what happens in an episode."""

    def __init__(self, env: ServoGraspEnv) -> None:
        self._scene, self._episode = env.scene, env.episode
        self._left = _num_left(env)
        self._began = time.monotonic()
        self._num_steps = self._contacts = self._shortened = 0
        self._value = math.nan

    def is_of(self, env: ServoGraspEnv) -> bool:
        return (self._scene, self._episode) == (env.scene, env.episode)

    def add(self, result: ServoResult, value: float) -> None:
        if not self._num_steps:
            self._value = value
        self._num_steps += 1
        self._contacts += result.outcome.is_contact
        self._shortened += _is_shortened(result)

    def row(
        self,
        ended_by: str,
        success: int,
        event: Event | None,
        disagreeing: int = 0,
        duration: float = 0.0,
        left: int | None = None,
    ) -> EpisodeRow:
        return EpisodeRow(
            self._scene,
            self._episode,
            success,
            ended_by,
            self._num_steps,
            self._contacts,
            self._shortened,
            int(event is not None and event.has_happened),
            disagreeing,
            self._value,
            duration,
            time.monotonic() - self._began,
            self._left if left is None else left,
        )


def _is_shortened(result: ServoResult) -> bool:
    asked, executed = result.asked, result.executed
    assert asked is not None and executed is not None
    way = np.subtract(asked.d_position, executed.d_position)
    return bool(np.abs(way).max() > _SHORTER or abs(asked.d_theta - executed.d_theta) > _SHORTER)


def _num_left(env: ServoGraspEnv) -> int:
    """Return how many objects are in the tray."""
    return len(env.world.object_names_in(env.workspace))
