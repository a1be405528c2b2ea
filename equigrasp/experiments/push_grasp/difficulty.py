"""How hard a clutter is: the share of its targets that no grasp holds as they lie."""

from dataclasses import dataclass

import numpy as np

from equigrasp.experiments.push_grasp.grasp_labels import (
    LabelPlan,
    draw_grasps,
    targets_of,
)
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.perception.observation import Observation
from equigrasp.seeding import Stream, derive_seed

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
    with trials.kept() as state:
        observation, handles = trials.look()
        targets = targets_of(observation)
        num_hidden = len(handles) - len(targets)
        found = Difficulty(num_hidden=num_hidden)
        for target in rng.permutation(targets)[:num_targets].tolist():
            tries = _tries(trials, state, observation, target, handles[target], rng)
            found = found.plus(Difficulty(1, 0, int(tries == 1), int(tries > 0)))
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
