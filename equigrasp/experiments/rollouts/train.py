"""Train in one process, without ROS."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.experiments.runs.metrics_file import AttemptRow, MetricsFile
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.experiments.servo.closed_loop import make_source
from equigrasp.learning.interfaces import Policy, Trainer
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.learning.trained_weights import first_weights, load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.replay.frames import Episode
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import make_simulated_cell


def train(arguments: dict[str, str], num_attempts: int, is_resume: bool | None) -> Path:
    """Learn from scratch, or carry on, one SGD round after each attempt; return the run folder.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed`, `weights` and `out`.
        num_attempts: Attempts in the run, those of before included: grasps, or in closed loop episodes.
        is_resume: See `RunFolder.begin`.
    """
    method, config = load_method(arguments["method"])
    run, seed = RunFolder(Path(arguments["out"])), int(arguments["seed"])
    policy = method.make_policy(config, method.make_networks(config, seed))
    weights, cell = first_weights(arguments["weights"], config), load_cell(arguments["cell"])
    if weights is not None:
        load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
    run.begin(arguments, to_mapping(config), is_resume)
    learner = method.make_trainer(config, run.path, seed, cell.workspaces[0], weights=weights)
    if learner.num_steps or weights:
        policy.load(learner.weights(), learner.num_steps, "checkpoint")
    first = learner.new_episode
    num_random = 0 if weights else num_random_attempts(config)
    training = _Training(learner, policy, MetricsFile(run.metrics, first))
    scenes = derive_seed(seed, Stream.TRAINING_SCENES, first)
    try:
        with make_simulated_cell(
            arguments["cell"], object_set=arguments["objects"], seed=seed
        ) as simulation:
            split = arguments["split"]
            if method.is_closed_loop:
                run_episode = make_source(method, config, policy, simulation, split, scenes).run
            else:
                names = split_names(simulation, split, scenes)
                rollout = in_two_trays(simulation, policy, scenes, names)

                def run_episode(number: int) -> Episode:
                    made = rollout.attempt(number, "random" if number < num_random else "train")
                    step = to_step(method, config, made, number, number)
                    return [(step, to_row(made, number).extras())]

            with tqdm(total=num_attempts, initial=first, unit="attempt") as bar:
                for number in range(first, num_attempts):
                    training.add(run_episode(number))
                    bar.update()
                    rate = learner.num_successes / (number + 1)
                    bar.set_postfix_str(f"success {100 * rate:.0f} %, version {learner.num_steps}")
    finally:
        learner.publish()
        learner.close()
    return run.path


class _Training:
    """Takes in episodes, and the SGD steps that they call for; then their policy acts by the new weights."""

    def __init__(self, learner: Trainer, policy: Policy[Any], metrics: MetricsFile) -> None:
        self._learner, self._policy, self._metrics = learner, policy, metrics

    def add(self, episode: Episode) -> None:
        """Write down and learn from an episode."""
        learner = self._learner
        for step, extras in episode:
            learner.add(replace(step, index=learner.num_attempts), extras)
            for report in learner.train_pending(learner.num_pending_steps):
                self._metrics.add_step(report)
        success = int(step.reward > 0.0)
        self._metrics.add_attempt(AttemptRow(attempt=step.episode, success=success, **extras))  # type: ignore[arg-type]
        if learner.num_steps:
            self._policy.load(learner.weights(), learner.num_steps, "learner")
