"""Goal-conditioned clutter and tight layouts: each target from the restored scene (EPG, tasks 1 and 3)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.push_grasp.grasp_labels import targets_of
from equigrasp.experiments.push_grasp.mask_source import Masks, make_follower
from equigrasp.experiments.push_grasp.result_rows import append_row, read_rows
from equigrasp.experiments.push_grasp.task_scenes import TargetTask, TaskScenes
from equigrasp.experiments.statistics import Rounds, wider_interval
from equigrasp.geometry.actions import Push
from equigrasp.learning.interfaces import Attempt, Context, Decision, Policy
from equigrasp.perception.observation import Observation
from equigrasp.perception.scene_change import idle_after
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell

_MOST_ACTIONS = 12  # refused ones included


@dataclass(frozen=True)
class TargetResult:
    """What became of one target.

    Args:
        scene: Number of the scene.
        target: Its label there.
        is_taken: Whether it hung in the fingers after the grasp.
        num_pushes: Before that.
        num_grasps: 1, or 0 if the target was lost or nothing could be done.
        first_score: Of the first decision; NaN if the target was not found.
        last_score: Of the last.
        seconds: Of the robot's time.
        num_looks: In which a tracker followed the target through other masks than the true ones.
        num_differing: Of these, where it differed from the truth; see `TargetFollower`.
    """

    scene: int
    target: int
    is_taken: bool
    num_pushes: int
    num_grasps: int
    first_score: float
    last_score: float
    seconds: float
    num_looks: int = 0
    num_differing: int = 0


Look: TypeAlias = tuple[Observation, Decision[Any]]  # what was seen, and what was chosen on it
OnTarget: TypeAlias = Callable[[TargetResult, list[Look]], None]


class TargetEvaluation:
    """Runs a policy on the targets of one scene after the other; carries on what a file holds.

    Args:
        simulation: With an open table; of blocks for tight layouts.
        policy: Chooses grasps and pushes.
        task: What scenes.
        path: CSV with a row a target.
        masks: What the policy sees; success is the truth's in any case.
        on_target: Called after each target with what was seen and chosen, look by look.
    """

    def __init__(
        self,
        simulation: SimulatedCell,
        policy: Policy[Any],
        task: TargetTask,
        path: Path,
        masks: Masks = "truth",
        on_target: OnTarget = lambda result, looks: None,
    ) -> None:
        self._simulation, self._policy, self._task = simulation, policy, task
        self._path, self._scenes, self._masks = path, TaskScenes(simulation, task), masks
        self._on_target = on_target
        self._episode = self._scenes.make_episode()
        self.results = read_results(path)

    @property
    def gsr(self) -> float:
        """Share of the targets so far that were taken."""
        return sum(r.is_taken for r in self.results) / max(1, len(self.results))

    def run(self, num_targets: int) -> Iterator[TargetResult]:
        """Take targets until there are results of so many, and yield each new one."""
        scene = self.results[-1].scene if self.results else 0
        while len(self.results) < num_targets:
            done = {r.target for r in self.results if r.scene == scene}
            targets = self._lay_out(scene)
            state = self._simulation.world.snapshot()
            for target in targets:
                if target in done or len(self.results) >= num_targets:
                    continue
                self._simulation.world.restore(state)
                result = self._take(scene, target)
                self.results.append(result)
                append_row(self._path, result)
                yield result
            self._simulation.world.forget(state)
            scene += 1

    def _lay_out(self, scene: int) -> list[int]:
        """Make the scene of a number; return its targets."""
        self._scenes.lay_out(scene)
        return [1] if self._task.layout else targets_of(self._scenes.look()[0])

    def _take(self, scene: int, target: int) -> TargetResult:
        rng = np.random.default_rng(
            derive_seed(self._task.seed, Stream.TASK_CHOICES, scene, target)
        )
        clock = self._simulation.cell.clock
        began = clock.now()
        history: tuple[Attempt, ...] = ()
        looks: list[Look] = []
        num_pushes = num_grasps = 0
        idle: tuple[Push, ...] = ()
        is_taken = False
        noise = np.random.default_rng(derive_seed(self._task.seed, Stream.MASKS, scene, target))
        follower = make_follower(self._masks, self._policy, self._scenes.workspace, noise)
        self._episode.begin(target, follower)
        while not self._episode.is_over and len(history) < _MOST_ACTIONS:
            observation = self._episode.observe()
            decision = self._policy.choose(
                observation, Context("greedy", history, idle_pushes=idle), rng
            )
            looks.append((observation, decision))
            history = (*history, decision.tried(self._scenes.workspace.name))
            action = decision.action
            is_push = isinstance(action, Push)
            num_pushes, num_grasps = num_pushes + is_push, num_grasps + (not is_push)
            try:
                is_taken = self._episode.step(action).is_taken
            except (PlanningError, DeviceError):  # counts as an action
                if not isinstance(action, Push) or not self._recovers(action):
                    break
            if isinstance(action, Push):
                before, after = observation.heightmap, self._episode.observe().heightmap
                idle = idle_after(idle, action, before, after, self._scenes.workspace)
        seconds = round(clock.now() - began, 3)
        scores = [decision.value for _, decision in looks] or [float("nan")]
        result = TargetResult(
            scene, target, is_taken, num_pushes, num_grasps, scores[0], scores[-1], seconds
        )
        if follower is not None:
            counts = follower.num_looks, follower.num_differing
            result = replace(result, num_looks=counts[0], num_differing=counts[1])
        self._on_target(result, looks)
        return result

    def _recovers(self, push: Push) -> bool:
        """Tell whether the arm is home after a push that failed, and the scene seen anew."""
        try:
            self._episode.recover(push)
        except (PlanningError, DeviceError):
            return False
        return True


def summary(results: list[TargetResult], threshold: float | None = None) -> dict[str, Any]:
    """Return GSR and ME with what they are made of.

    GSR: targets taken of all targets, whether a grasp was tried or the target was lost before. ME: grasps of
    all actions (paper, section IV-A). Targets of a scene are drawn together for the interval.

    Args:
        results: At least one.
        threshold: Of the scores; adds the GSR of the targets whose first score lies no higher, or that have
            none: a target that can be grasped at once says nothing of pushing.
    """
    grasps, pushes = (sum(getattr(r, k) for r in results) for k in ("num_grasps", "num_pushes"))
    found = {
        "targets": len(results),
        "scenes": len({r.scene for r in results}),
        **success_rate(results, "gsr"),
        "me": grasps / max(1, grasps + pushes),
        "pushes_per_target": pushes / len(results),
        "seconds_per_target": sum(r.seconds for r in results) / len(results),
        "looks": sum(r.num_looks for r in results),
        "differing_looks": sum(r.num_differing for r in results),
    }
    hard = [r for r in results if threshold is not None and not r.first_score > threshold]
    return found | {"hard_targets": len(hard)} | (success_rate(hard, "hard_gsr") if hard else {})


def success_rate(results: list[TargetResult], name: str) -> dict[str, Any]:
    """Return how many of some targets were taken, and GSR with its interval, under a name."""
    rounds = rounds_of(results)
    low, high = wider_interval(rounds, np.random.default_rng(0))
    taken = "taken" if name == "gsr" else f"{name}_taken"
    return {
        taken: round(rounds.parts.sum()),
        name: rounds.rate,
        f"{name}_low": low,
        f"{name}_high": high,
    }


def rounds_of(results: list[TargetResult]) -> Rounds:
    """Return targets taken, and all of them, by scene in ascending order."""
    scenes, index = np.unique([r.scene for r in results], return_inverse=True)
    taken = np.bincount(index, [r.is_taken for r in results], len(scenes))
    return Rounds(taken, np.bincount(index, minlength=len(scenes)))


def read_results(path: Path) -> list[TargetResult]:
    """Return the rows of a file; none if there is none."""
    return read_rows(path, TargetResult)
