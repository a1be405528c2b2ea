"""Train in one process, without ROS."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.experiments.rollouts.loop import LoopStep
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.experiments.runs.metrics_file import MetricsFile
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Mode, Policy, Trainer
from equigrasp.learning.method import Method
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.learning.trained_weights import first_weights, load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import make_simulated_cell


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
    run.begin(arguments, to_mapping(config), is_resume)
    num_random = 0 if weights else num_random_attempts(config)
    learner = method.make_trainer(config, run.path, seed, cell.workspaces[0], weights=weights)
    metrics = MetricsFile(run.metrics, learner.num_attempts)
    if learner.num_steps or weights:
        policy.load(learner.weights(), learner.num_steps, "checkpoint")
    first = learner.num_attempts
    try:
        with make_simulated_cell(
            arguments["cell"], object_set=arguments["objects"], seed=seed
        ) as simulation:
            scenes = derive_seed(seed, Stream.TRAINING_SCENES, first)
            names = split_names(simulation, arguments["split"], scenes)
            rollout = in_two_trays(simulation, policy, scenes, names)
            with tqdm(total=num_attempts, initial=first, unit="attempt") as bar:
                for number in range(first, num_attempts):
                    mode: Mode = "random" if number < num_random else "train"
                    made = rollout.attempt(number, mode)
                    _learn(method, learner, policy, metrics, made)
                    bar.update()
                    rate = learner.num_successes / max(1, learner.num_attempts)
                    bar.set_postfix_str(f"success {100 * rate:.0f} %, version {learner.num_steps}")
    finally:
        learner.publish()
        learner.close()
    return run.path


def _learn(
    method: Method[Any],
    learner: Trainer,
    policy: Policy[PlanarGrasp],
    metrics: MetricsFile,
    made: LoopStep[Any],
) -> None:
    number = learner.num_attempts
    row = to_row(made, number)
    learner.add(to_step(method, made, number, learner.next_episode), row.extras())
    for report in learner.train_pending(learner.num_pending_steps):
        metrics.add_step(report)
    metrics.add_attempt(row)
    if learner.num_steps:
        policy.load(learner.weights(), learner.num_steps, "learner")
