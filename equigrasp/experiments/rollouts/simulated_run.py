"""Train in one process, without ROS."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv, return_stray
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.rollouts.protocol import NUM_OBJECTS
from equigrasp.experiments.runs.metrics_file import AttemptRow, MetricsFile
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.grasping.grasp_step import decode_grasp, grasp_step, quantize
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import (
    Attempt as PastAttempt,
)
from equigrasp.learning.interfaces import (
    Context,
    Decision,
    EmptyWorkspaceError,
    Mode,
    Policy,
    Trainer,
)
from equigrasp.learning.seeding import derive_seed
from equigrasp.learning.trained_weights import first_weights, load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.outcome import GraspOutcome
from equigrasp.replay.step import Step
from equigrasp.replay.step_record import Extras
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_MAX_REFUSALS = 100  # grasps in a row that the planner refuses, after which the cell is at fault
_TIME_TO_SETTLE = 1.0  # [s] for an object that was dropped


@dataclass(frozen=True, eq=False)
class Attempt:
    """An attempt that was carried out; `is_disagreeing`: finger width and simulator differ on it."""

    observation: Observation
    decision: Decision[PlanarGrasp]
    outcome: GraspOutcome
    is_disagreeing: bool = False


class SimulatedRun:
    """Attempts in a simulated cell with two trays.

    Args:
        simulation: The cell.
        policy: Chooses the grasps.
        split: Part of the object set.
        seed: Seed of objects, places and choices.
        names: Shapes of the objects; None: drawn from the split.
    """

    def __init__(
        self,
        simulation: SimulatedCell,
        policy: Policy[PlanarGrasp],
        split: str,
        seed: int,
        names: list[str] | None = None,
    ) -> None:
        self._simulation = simulation
        self._policy = policy
        self._seed = seed
        planner = OmplPlanner(simulation.cell)
        self.env = OpenLoopGraspEnv(simulation.cell, planner, np.random.default_rng([seed, 9]))
        if names is None:
            rng = np.random.default_rng([seed, 5])
            names = simulation.world.object_set.draw(split, NUM_OBJECTS, rng)
        simulation.world.spawn_objects(names, self.env.trays.pick)
        self.num_refused = 0
        self._failures = 0
        self._choices: tuple[PastAttempt, ...] = ()

    def attempt(self, number: int, mode: Mode) -> Attempt:
        """Look, choose and try; swaps the trays when the first is empty.

        Raises:
            EmptyWorkspaceError: if both are.
            PlanningError: if one grasp after the other is refused.
        """
        refusals, is_swapped = 0, False
        while True:
            self._return_strays()
            seed = derive_seed(self._seed, 10, number, self.num_refused)
            try:
                observation = self.env.observe()
                history = last_failures(self._choices, self._failures + refusals)
                decision = self._policy.choose(
                    observation, Context(mode, history), np.random.default_rng(seed)
                )
                self._choices = (*history, decision.tried(observation.workspace.name))
                outcome = self.env.step(decision.action, observation)
            except EmptyWorkspaceError:
                if is_swapped:
                    raise
                self.env.swap()
                is_swapped = True
                continue
            except (PlanningError, DeviceError) as error:
                self.num_refused += 1
                refusals += 1
                if refusals == _MAX_REFUSALS:
                    raise PlanningError(
                        f"{refusals} grasps in a row were refused, the last one because: {error} "
                        "Can the arm reach into its trays?"
                    ) from error
                self.env.pick.go_home()
                continue
            self._failures = 0 if outcome.is_success else self._failures + 1
            return Attempt(observation, decision, outcome)

    def _return_strays(self) -> None:
        world, workspaces = self._simulation.world, self._simulation.cell.config.workspaces
        for _ in world.objects():
            if not return_stray(world, workspaces, self.env.trays.place):
                break
            self._simulation.physics.sleep(_TIME_TO_SETTLE)


def train(arguments: dict[str, str], num_attempts: int, is_resume: bool | None) -> Path:
    """Learn from scratch, or carry on, one SGD round after each attempt; return the run folder.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed`, `weights` and `out`.
        num_attempts: Attempts in the run, those of before included.
        is_resume: See `RunFolder.begin`.
    """
    method, config = load_method(arguments["method"])
    run, seed = RunFolder(Path(arguments["out"])), int(arguments["seed"])
    policy = method.make_policy(config, method.make_networks(config, seed))
    weights, cell = first_weights(arguments["weights"], config), load_cell(arguments["cell"])
    if weights is not None:
        load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
    run.begin(arguments, config, is_resume)
    num_random = 0 if weights else config.acting.num_random_attempts
    learner = method.make_trainer(config, run.path, seed, cell.workspaces[0], weights=weights)
    metrics = MetricsFile(run.metrics, learner.num_attempts)
    if learner.num_steps or weights:
        policy.load(learner.weights(), learner.num_steps, "checkpoint")
    first = learner.num_attempts
    try:
        with make_simulated_cell(
            arguments["cell"], object_set=arguments["objects"], seed=seed
        ) as simulation:
            loop = SimulatedRun(
                simulation, policy, arguments["split"], derive_seed(seed, 7, first)
            )
            with tqdm(total=num_attempts, initial=first, unit="attempt") as bar:
                for number in range(first, num_attempts):
                    mode: Mode = "random" if number < num_random else "train"
                    attempt = loop.attempt(number, mode)
                    _learn(learner, policy, metrics, attempt, number)
                    bar.update()
                    rate = learner.num_successes / max(1, learner.num_attempts)
                    bar.set_postfix_str(f"success {100 * rate:.0f} %, version {learner.num_steps}")
    finally:
        learner.publish()
        learner.close()
    return run.path


def _learn(
    learner: Trainer,
    policy: Policy[PlanarGrasp],
    metrics: MetricsFile,
    attempt: Attempt,
    number: int,
) -> None:
    row = store(learner.add, attempt, number)
    for report in learner.train_pending(learner.num_pending_steps):
        metrics.add_step(report)
    metrics.add_attempt(row)
    if learner.num_steps:
        policy.load(learner.weights(), learner.num_steps, "learner")


def store(write: Callable[[Step, Extras], object], attempt: Attempt, number: int) -> AttemptRow:
    """Have an attempt written to the experience log, and return its row of the metrics."""
    decision, outcome = attempt.decision, attempt.outcome
    row = AttemptRow(
        time.time(),
        number,
        int(outcome.is_success),
        decision.policy_version,
        outcome.duration,
        outcome.idle_time,
        decision.decision_time,
    )
    pixel = decode_grasp(decision.encoded)
    write(
        grasp_step(
            quantize(attempt.observation.heightmap),
            pixel.row,
            pixel.col,
            pixel.rotation_bin,
            float(outcome.is_success),
            number,
        ),
        row.extras(),
    )
    return row


def wilson_interval(successes: int, attempts: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a success rate (Wilson, JASA 1927)."""
    z, n, p = 1.959964, attempts, successes / attempts
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
