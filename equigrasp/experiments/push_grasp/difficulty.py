"""How hard a clutter is: the share of its targets that no grasp holds as they lie."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.experiments.push_grasp.grasp_labels import (
    LabelPlan,
    draw_grasps,
    targets_of,
)
from equigrasp.experiments.push_grasp.result_rows import append_row, read_rows
from equigrasp.experiments.push_grasp.task_scenes import TargetTask, TaskScenes
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import make_simulated_cell

_CELL = "gantry"  # of `FastHand`
_MANY = LabelPlan(num_best=32, num_near=0, num_random=32)  # of a target, the best first


@dataclass(frozen=True)
class Difficulty:
    """What was found in scenes of one kind.

    Args:
        num_targets: Objects that show enough of themselves.
        num_hidden: Objects that do not.
        num_first: Targets that the heuristic's best grasp holds.
        num_held: Targets that one of 64 grasps holds.
    """

    num_targets: int = 0
    num_hidden: int = 0
    num_first: int = 0
    num_held: int = 0

    def plus(self, other: "Difficulty") -> "Difficulty":
        """Return both together."""
        return Difficulty(
            self.num_targets + other.num_targets,
            self.num_hidden + other.num_hidden,
            self.num_first + other.num_first,
            self.num_held + other.num_held,
        )

    @property
    def share_not_held(self) -> float:
        """Share of the targets that no grasp holds."""
        return 1.0 - self.num_held / max(1, self.num_targets)


def measure_scene(
    trials: Trials, num_objects: int, spread: float, seed: int, number: int, num_targets: int
) -> Difficulty:
    """Try up to 64 grasps on some targets of a scene, each from the same state.

    Args:
        trials: Drops the scene.
        num_objects: Of the scene.
        spread: Half side of the square that they are dropped over [m].
        seed: Of all scenes.
        number: Of this one.
        num_targets: Targets to try, at most.
    """
    rng = np.random.default_rng(derive_seed(seed, Stream.DIFFICULTY_SCENES, num_objects, number))
    trials.drop(num_objects, spread, int(rng.integers(2**31)))
    return measure_present(trials, num_targets, rng)


def measure_present(
    trials: Trials, num_targets: int, rng: np.random.Generator, target: int = 0
) -> Difficulty:
    """Try up to 64 grasps on some targets of the scene as it lies.

    Args:
        trials: Tries them.
        num_targets: At most.
        rng: Draws targets and grasps.
        target: Label of the only one; 0: all that show enough of themselves.
    """
    with trials.kept() as state:
        observation, handles = trials.look()
        targets = [target] if target else targets_of(observation)
        num_hidden = 0 if target else len(handles) - len(targets)
        found = Difficulty(num_hidden=num_hidden)
        for label in rng.permutation(targets)[:num_targets].tolist():
            tries = _tries(trials, state, observation, label, handles[label], rng)
            found = found.plus(Difficulty(1, 0, int(tries == 1), int(tries > 0)))
    return found


def measure_limit(
    rows: Path,
    method: str,
    objects: str,
    task: TargetTask,
    num_targets: int,
    num_of_scene: int,
    check_stop: Callable[[], None] = lambda: None,
) -> Difficulty:
    """Measure the scenes of a task, one after the other, until there are targets enough.

    Args:
        rows: CSV with a row a scene; what it holds counts.
        method: Configuration, of height and opening.
        objects: Object set of clutter.
        task: What scenes: the same that policies are evaluated in.
        num_targets: How many.
        num_of_scene: Of one scene at most.
        check_stop: Called after each scene; raises to end.
    """
    rule = make_rule(load_method(method)[1])
    scenes = read_rows(rows, Difficulty)
    found = functools.reduce(Difficulty.plus, scenes, Difficulty())
    with make_simulated_cell(_CELL, object_set="blocks" if task.layout else objects) as simulation:
        laid, trials = TaskScenes(simulation, task), Trials(simulation, rule, task.split)
        number = len(scenes)
        while found.num_targets < num_targets:
            laid.lay_out(number)
            rng = np.random.default_rng(
                derive_seed(task.seed, Stream.DIFFICULTY_SCENES, task.num_objects, number)
            )
            most = min(num_of_scene, num_targets - found.num_targets)
            scene = measure_present(trials, most, rng, 1 if task.layout else 0)
            append_row(rows, scene)
            found, number = found.plus(scene), number + 1
            check_stop()
    return found


def _tries(
    trials: Trials,
    state: int,
    observation: Observation,
    target: int,
    handle: int,
    rng: np.random.Generator,
) -> int:
    """Return the number of the first grasp that holds a target, from 1; 0: none."""
    grasps = draw_grasps(observation, target, trials.rule, _MANY, rng)
    for number, grasp in enumerate(grasps, start=1):
        if trials.grasp(state, observation, grasp, handle).is_target_held:
            return number
    return 0
