"""Goal-conditioned clutter and tight layouts: each target from the restored scene (EPG, tasks 1 and 3)."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np

from equigrasp.environments.target_episode import TargetEpisode
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.push_grasp.grasp_labels import targets_of
from equigrasp.experiments.push_grasp.mask_source import Masks, make_follower
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.geometry.actions import Push
from equigrasp.learning.interfaces import Attempt, Context, Policy
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.clutter import Clutter, open_workspace
from equigrasp.simulation.label_camera import LabelCamera
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.tight_layouts import place_layout

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


@dataclass(frozen=True)
class TargetTask:
    """A kind of scene.

    Args:
        num_objects: Of a clutter; 0: tight layouts.
        spread: Half side of the square that a clutter is dropped over [m].
        layout: Number of the tight layout.
        split: Part of the object set.
        seed: Of all scenes.
    """

    num_objects: int = 0
    spread: float = 0.12
    layout: int = 0
    split: str = "test"
    seed: int = 0


class TargetEvaluation:
    """Runs a policy on the targets of one scene after the other; carries on what a file holds.

    Args:
        simulation: With an open table; of blocks for tight layouts.
        policy: Chooses grasps and pushes.
        task: What scenes.
        path: CSV with a row a target.
        masks: What the policy sees; success is the truth's in any case.
    """

    def __init__(
        self,
        simulation: SimulatedCell,
        policy: Policy,
        task: TargetTask,
        path: Path,  # type: ignore[type-arg]
        masks: Masks = "truth",
    ) -> None:
        self._simulation, self._policy, self._task = simulation, policy, task
        self._path, self._masks = path, masks
        self._workspace = open_workspace(simulation.cell.config)
        camera = LabelCamera(simulation.cell.camera, simulation.world)  # type: ignore[arg-type]
        self._look = partial(camera.look, self._workspace)
        planner = OmplPlanner(simulation.cell)
        self._episode = TargetEpisode(
            simulation.cell, simulation.world, planner, self._workspace, self._look
        )
        self.results = read_results(path)

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
                _append(self._path, result)
                yield result
            self._simulation.world.forget(state)
            scene += 1

    def _lay_out(self, scene: int) -> list[int]:
        """Make the scene of a number, which depends on the task alone; return its targets."""
        task = self._task
        parts = task.seed, Stream.EVALUATION_SCENES, task.num_objects, task.layout, scene
        rng = np.random.default_rng(derive_seed(*parts))
        if task.layout:
            place_layout(self._simulation, self._workspace, task.layout, rng)
            return [1]
        names = self._simulation.world.object_set.draw(task.split, task.num_objects, rng)
        Clutter(self._simulation).drop(names, task.spread, int(rng.integers(2**31)))
        return targets_of(self._look()[0])

    def _take(self, scene: int, target: int) -> TargetResult:
        rng = np.random.default_rng(derive_seed(self._task.seed, scene, target))
        clock = self._simulation.cell.clock
        began = clock.now()
        history: tuple[Attempt, ...] = ()
        scores: list[float] = []
        num_pushes = num_grasps = 0
        is_taken = False
        noise = np.random.default_rng(derive_seed(self._task.seed, Stream.MASKS, scene, target))
        follower = make_follower(self._masks, self._policy, self._workspace, noise)
        self._episode.begin(target, follower)
        while not self._episode.is_over and len(history) < _MOST_ACTIONS:
            observation = self._episode.observe()
            decision = self._policy.choose(observation, Context("greedy", history), rng)
            scores.append(decision.value)
            history = (*history, decision.tried(self._workspace.name))
            is_push = isinstance(decision.action, Push)
            try:
                step = self._episode.step(decision.action)
            except (PlanningError, DeviceError):  # counts as an action that did nothing
                num_pushes, num_grasps = num_pushes + is_push, num_grasps + (not is_push)
                if not is_push:
                    break
                continue
            num_pushes, num_grasps = num_pushes + is_push, num_grasps + (not is_push)
            is_taken = step.is_taken
        seconds = round(clock.now() - began, 3)
        first, last = (scores[0], scores[-1]) if scores else (float("nan"), float("nan"))
        result = TargetResult(
            scene, target, is_taken, num_pushes, num_grasps, first, last, seconds
        )
        if follower is None:
            return result
        return replace(result, num_looks=follower.num_looks, num_differing=follower.num_differing)


def summary(results: list[TargetResult]) -> dict[str, float]:
    """Return GSR and ME with what they are made of.

    GSR: targets taken of all targets, whether a grasp was tried or the target was lost before. ME: grasps of
    all actions (paper, section IV-A).
    """
    taken = sum(r.is_taken for r in results)
    grasps, pushes = (sum(getattr(r, k) for r in results) for k in ("num_grasps", "num_pushes"))
    low, high = wilson_interval(taken, len(results))
    return {
        "targets": len(results),
        "taken": taken,
        "gsr": taken / len(results),
        "gsr_low": low,
        "gsr_high": high,
        "me": grasps / max(1, grasps + pushes),
        "pushes_per_target": pushes / len(results),
        "seconds_per_target": sum(r.seconds for r in results) / len(results),
        "looks": sum(r.num_looks for r in results),
        "differing_looks": sum(r.num_differing for r in results),
    }


def read_results(path: Path) -> list[TargetResult]:
    """Return the rows of a file; none if there is none."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_parse(row) for row in csv.DictReader(file)]


def _parse(row: dict[str, str]) -> TargetResult:
    return TargetResult(
        int(row["scene"]),
        int(row["target"]),
        row["is_taken"] == "True",
        int(row["num_pushes"]),
        int(row["num_grasps"]),
        float(row["first_score"]),
        float(row["last_score"]),
        float(row["seconds"]),
        int(row["num_looks"]),
        int(row["num_differing"]),
    )


def _append(path: Path, result: TargetResult) -> None:
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(TargetResult)])
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(result))
