"""Clearing a table of clutter, object by object (EPG, task 2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from equigrasp.environments.target_episode import TargetEpisode
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.push_grasp.result_rows import append_row, read_rows
from equigrasp.experiments.push_grasp.task_scenes import TargetTask, TaskScenes
from equigrasp.experiments.statistics import Rounds, bootstrap_interval, wider_interval
from equigrasp.geometry.actions import Push
from equigrasp.learning.interfaces import Attempt, Context, Decision, EmptyWorkspaceError, Policy
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.perception.scene_change import idle_after
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell

MOST_FAILURES = 2  # failed grasps in a row that end a round
_MOST_ACTIONS = 12  # since the last grasp, refused ones included
EMPTY, FAILURES, STUCK = "empty", "failures", "stuck"  # how a round ends


@dataclass(frozen=True)
class ClearingResult:
    """What became of one round.

    Args:
        scene: Number of the scene.
        num_objects: On the table at the start.
        num_taken: That left it in the fingers.
        num_outside: That lie outside the workspace at the end: not cleared.
        num_grasps: Tried.
        num_successes: Grasps that held what they were aimed at, alone or with others.
        num_pushes: Before all of them.
        end: `empty`: nothing was to be seen any more; `failures`: two grasps failed in a row; `stuck`:
            the arm could not go on.
        seconds: Of the robot's time.
    """

    scene: int
    num_objects: int
    num_taken: int
    num_outside: int
    num_grasps: int
    num_successes: int
    num_pushes: int
    end: str
    seconds: float


class ClearingRound:
    """One round: the policy chooses target and action each time, until nothing is left or it fails.

    Args:
        episode: Carries actions out, and takes away what is grasped.
        policy: Without a target it takes the object that it likes best.
        rng: All randomness of its choices.
    """

    def __init__(
        self, episode: TargetEpisode, policy: Policy[Any], rng: np.random.Generator
    ) -> None:
        self._episode, self._policy, self._rng = episode, policy, rng
        self._history: tuple[Attempt, ...] = ()  # since the last grasp
        self._idle: tuple[Push, ...] = ()
        self.num_taken = self.num_grasps = self.num_successes = self.num_pushes = 0

    def run(self) -> str:
        """Clear the table as it lies, and return how the round ended."""
        failures = 0
        while failures < MOST_FAILURES:
            observation = self._episode.survey()
            try:
                context = Context("greedy", self._history, idle_pushes=self._idle)
                decision = self._policy.choose(observation, context, self._rng)
            except EmptyWorkspaceError:
                return EMPTY
            self._history = (*self._history, decision.tried(observation.workspace.name))
            try:
                if isinstance(decision.action, Push):
                    self._push(observation, decision, decision.action)
                    if len(self._history) >= _MOST_ACTIONS:
                        return STUCK
                    continue
                is_success = self._grasp(observation, decision)
            except (PlanningError, DeviceError):
                return STUCK
            failures = 0 if is_success else failures + 1
        return FAILURES

    def _push(self, observation: Observation, decision: Decision[Any], push: Push) -> None:
        """Push; one that was refused or failed counts as an action, and the arm goes home.

        Raises:
            PlanningError: if the arm cannot go home.
            DeviceError: if it cannot move.
        """
        self.num_pushes += 1
        self._episode.begin(_target(observation, decision))
        try:
            self._episode.step(push)
        except (PlanningError, DeviceError):
            self._episode.recover(push)
        before, after = observation.heightmap, self._episode.observe().heightmap
        self._idle = idle_after(self._idle, push, before, after, observation.workspace)

    def _grasp(self, observation: Observation, decision: Decision[Any]) -> bool:
        """Grasp, and take away what is held; tell whether the target was.

        A grasp that was refused or stopped failed: what hangs in the fingers then counts for nothing.

        Raises:
            PlanningError: if the arm cannot go home.
            DeviceError: if it cannot move.
        """
        self.num_grasps += 1
        self._history, self._idle = (), ()
        self._episode.begin(_target(observation, decision))
        try:
            step = self._episode.step(decision.action)
        except (PlanningError, DeviceError):
            self._episode.put_away(is_gripping=False)
            return False
        self.num_successes += step.is_taken
        self.num_taken += len(self._episode.put_away(step.outcome.is_success))
        return step.is_taken


class ClearingEvaluation:
    """Runs a policy on one round after the other; carries on what a file holds.

    Args:
        simulation: With an open table.
        policy: See `ClearingRound`.
        task: What scenes: clutter.
        path: CSV with a row a round; one that is stopped in its middle begins anew.
    """

    def __init__(
        self, simulation: SimulatedCell, policy: Policy[Any], task: TargetTask, path: Path
    ) -> None:
        self._simulation, self._policy, self._task = simulation, policy, task
        self._path, self._scenes = path, TaskScenes(simulation, task)
        self._episode = self._scenes.make_episode()
        self.results = read_rows(path, ClearingResult)

    @property
    def gsr(self) -> float:
        """Share of the grasps so far that held their target."""
        grasps = sum(r.num_grasps for r in self.results)
        return sum(r.num_successes for r in self.results) / max(1, grasps)

    def run(self, num_rounds: int) -> Iterator[ClearingResult]:
        """Clear tables until there are results of so many, and yield each new one."""
        while len(self.results) < num_rounds:
            result = self._clear(len(self.results))
            self.results.append(result)
            append_row(self._path, result)
            yield result

    def _clear(self, scene: int) -> ClearingResult:
        world, clock = self._simulation.world, self._simulation.cell.clock
        self._scenes.lay_out(scene)
        count, began = len(world.objects()), clock.now()
        rng = np.random.default_rng(derive_seed(self._task.seed, Stream.TASK_CHOICES, scene))
        found = ClearingRound(self._episode, self._policy, rng)
        end = found.run()
        workspace = self._scenes.workspace
        places = [o.pose.position for o in world.objects()]
        return ClearingResult(
            scene,
            count,
            found.num_taken,
            sum(not workspace.contains_xy(float(p[0]), float(p[1])) for p in places),
            found.num_grasps,
            found.num_successes,
            found.num_pushes,
            end,
            round(clock.now() - began, 3),
        )


def clearing_summary(results: list[ClearingResult]) -> dict[str, Any]:
    """Return GSR, DR and ME with intervals and what they are made of (paper, section IV-A).

    GSR: grasps that held their target, of all grasps. DR: objects taken of those at the start, mean over
    rounds. ME: grasps of all actions.
    """
    grasps, pushes = (sum(getattr(r, k) for r in results) for k in ("num_grasps", "num_pushes"))
    shares = np.array([r.num_taken / r.num_objects for r in results])
    cleared = Rounds(shares, np.ones(len(results)))
    low, high = bootstrap_interval(cleared, np.random.default_rng(0))
    found = {
        "rounds": len(results),
        "dr": cleared.rate,
        "dr_low": low,
        "dr_high": high,
        "me": grasps / max(1, grasps + pushes),
        "grasps": grasps,
        "pushes": pushes,
        "outside": sum(r.num_outside for r in results),
        "seconds_per_round": sum(r.seconds for r in results) / len(results),
    }
    if not grasps:
        return found | {"gsr": 0.0, "gsr_low": 0.0, "gsr_high": 1.0}
    rounds = grasps_of(results)
    low, high = wider_interval(rounds, np.random.default_rng(0))
    return found | {"gsr": rounds.rate, "gsr_low": low, "gsr_high": high}


def grasps_of(results: list[ClearingResult]) -> Rounds:
    """Return grasps that held their target, and all of them, by round."""
    return Rounds(
        np.array([r.num_successes for r in results], float),
        np.array([r.num_grasps for r in results], float),
    )


def _target(observation: Observation, decision: Decision[Any]) -> int:
    """Return the label of what a decision aims at."""
    mask = np.asarray(decision.goal[TARGET]) > 0
    counts = np.bincount(observation.arrays[LABELS][mask].ravel())
    return int(counts.argmax())
