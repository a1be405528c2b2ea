"""Train in one process, without ROS."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError
from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.experiments.rollouts.prior_data import PriorData
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.experiments.runs.metrics_file import AttemptRow, MetricsFile
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.experiments.servo.closed_loop import make_source
from equigrasp.learning.interfaces import Policy, Trainer
from equigrasp.learning.method import Method
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.learning.trained_weights import first_weights, load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.replay.frames import Episode
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_STEPS_OF_A_LOOK = 20  # SGD steps between two looks of a progress bar
_NOTHING = PriorData()


def train(
    arguments: dict[str, str],
    num_attempts: int,
    is_resume: bool | None,
    prior: PriorData = _NOTHING,
) -> Path:
    """Learn from scratch, or carry on, one SGD round after each attempt; return the run folder.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed`, `weights` and `out`.
        num_attempts: Attempts in the run, those of before included: grasps, or in closed loop episodes.
        is_resume: See `RunFolder.begin`.
        prior: What is learned from beside these; nothing: as the run began.

    Raises:
        ConfigError: if the folder's run is another one, or nothing is there to learn from.
    """
    method, config = load_method(arguments["method"])
    run, seed = RunFolder(Path(arguments["out"])), int(arguments["seed"])
    prior = prior.of_run(run)
    config = prior.put_into(config)
    if not num_attempts and not prior.offline_steps:
        raise ConfigError("--attempts 0 needs --log and --offline-steps: else nothing is learned.")
    policy = method.make_policy(config, method.make_networks(config, seed))
    weights, cell = first_weights(arguments["weights"], config), load_cell(arguments["cell"])
    if weights is not None:
        load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
    run.begin(arguments | prior.arguments, to_mapping(config), is_resume)
    learner = method.make_trainer(config, run.path, seed, cell.workspaces[0], weights=weights)
    first = learner.new_episode
    num_random = 0 if weights else num_random_attempts(config)
    training = _Training(learner, policy, MetricsFile(run.metrics, first))
    try:
        training.catch_up(has_weights=weights is not None)
        if first >= num_attempts:
            return run.path
        with make_simulated_cell(
            arguments["cell"], object_set=arguments["objects"], seed=seed
        ) as simulation:
            run_episode = _episodes(
                simulation, method, config, policy, arguments["split"], seed, first, num_random
            )
            training.add_all(run_episode, first, num_attempts)
    finally:
        learner.publish()
        learner.close()
    return run.path


def _episodes(
    simulation: SimulatedCell,
    method: Method[Any],
    config: Any,
    policy: Policy[Any],
    split: str,
    seed: int,
    first: int,
    num_random: int,
) -> Callable[[int], Episode]:
    """Return what makes the attempt of a number; the first one of this process is `first`."""
    scenes = derive_seed(seed, Stream.TRAINING_SCENES, first)
    if method.is_closed_loop:
        return make_source(method, config, policy, simulation, split, scenes).run
    names = split_names(simulation, split, scenes)
    rollout = in_two_trays(simulation, policy, scenes, names)

    def attempt(number: int) -> Episode:
        made = rollout.attempt(number, "random" if number < num_random else "train")
        step = to_step(method, config, made, number, number)
        return [(step, to_row(made, number).extras())]

    return attempt


class _Training:
    """Takes in episodes, and the SGD steps that they call for; then the policy acts by the new weights."""

    def __init__(self, learner: Trainer, policy: Policy[Any], metrics: MetricsFile) -> None:
        self._learner, self._policy, self._metrics = learner, policy, metrics

    def catch_up(self, *, has_weights: bool) -> None:
        """Take the SGD steps that logs of before call for, and load what was learned so far."""
        learner = self._learner
        if learner.num_pending_steps:
            self._take_pending()
        if learner.num_steps or has_weights:
            self._policy.load(learner.weights(), learner.num_steps, "checkpoint")

    def _take_pending(self) -> None:
        learner = self._learner
        total = learner.num_steps + learner.num_pending_steps
        with tqdm(total=total, initial=learner.num_steps, unit="step", desc="logs") as bar:
            while learner.num_pending_steps:
                for report in learner.train_pending(_STEPS_OF_A_LOOK):
                    self._metrics.add_step(report)
                    bar.update()
                bar.set_postfix_str(f"loss {report.losses.get('loss', math.nan):.3f}", False)

    def add_all(self, run_episode: Callable[[int], Episode], first: int, end: int) -> None:
        """Write down and learn from the episodes from `first` up to `end`."""
        learner = self._learner
        with tqdm(total=end, initial=first, unit="attempt") as bar:
            for number in range(first, end):
                for step, extras in run_episode(number):
                    learner.add(replace(step, index=learner.num_attempts), extras)
                    for report in learner.train_pending(learner.num_pending_steps):
                        self._metrics.add_step(report)
                success = int(step.reward > 0.0)
                self._metrics.add_attempt(AttemptRow(attempt=number, success=success, **extras))  # type: ignore[arg-type]
                if learner.num_steps:
                    self._policy.load(learner.weights(), learner.num_steps, "learner")
                bar.update()
                rate = learner.num_successes / (number + 1)
                bar.set_postfix_str(f"success {100 * rate:.0f} %, version {learner.num_steps}")
