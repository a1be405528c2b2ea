"""One piece of work: the attempts of a run, learned from here or by another process."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from equigrasp.experiments.benchmarks.learning import CheckStop, Learning, TrainingRun
from equigrasp.experiments.benchmarks.plan import Piece
from equigrasp.experiments.benchmarks.protocol import Conditions
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.rollouts.attempts import (
    Rollout,
    in_episodes,
    in_two_trays,
    pool_names,
    training_names,
)
from equigrasp.experiments.rollouts.loop import LoopStep
from equigrasp.experiments.rollouts.protocol import POOL_SIZE, RESAMPLE_EVERY
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.experiments.rollouts.scene import Scene
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.metrics_file import MetricsFile, seconds_per_attempt
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Mode, Policy
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

Made = LoopStep[PlanarGrasp]
_LOGGER = logging.getLogger(__name__)
_POLL = 0.05  # [s] between two looks for new weights
_SAY_EVERY = 60.0  # [s] that they have not come


def train_piece(
    piece: Piece,
    out: Path,
    conditions: Conditions,
    marks: list[int],
    device: str,
    num_threads: int,
    check_stop: CheckStop,
) -> None:
    """Do the piece, from where it was left, and write its result.

    Args:
        piece: What to do.
        out: Results folder.
        conditions: Of all its runs.
        marks: Attempts after which weights are kept.
        device: Of the networks.
        num_threads: Of PyTorch.
        check_stop: Called after every attempt; raises to stop.
    """
    run = TrainingRun.begin(piece, out, conditions, device, num_threads)
    with contextlib.closing(run.make_learner()) as learner:
        policy = run.make_policy()
        metrics = MetricsFile(run.folder.metrics, learner.num_attempts)
        learning = Learning(piece, out, run, learner, marks, metrics.add_step)

        def learn() -> None:
            learning.catch_up()
            policy.load(learner.weights(), learner.num_steps, "learner")

        def add(made: Made) -> None:
            number = learner.num_attempts
            row = to_row(made, number)
            learner.add(
                to_step(run.method, run.config, made, number, learner.next_episode), row.extras()
            )
            learn()
            metrics.add_attempt(row)

        learn()
        if learner.num_attempts < piece.attempts:
            with _simulated(piece, conditions, run, policy, learner.num_attempts) as attempt:
                for number in range(learner.num_attempts, piece.attempts):
                    attempt(number, add)
                    check_stop()
        write_json(piece.result(out), learning.result(piece.attempts, run.folder.metrics))


def simulate_piece(
    piece: Piece,
    out: Path,
    conditions: Conditions,
    device: str,
    num_threads: int,
    check_stop: CheckStop,
) -> None:
    """Make the attempts of a run, each by the weights that `learn_piece` makes of those before it.

    Arguments as `train_piece`.
    """
    torch.set_num_threads(num_threads)
    run = TrainingRun.begin(piece, out, conditions, device, num_threads)
    with contextlib.closing(run.open_log()) as log:
        policy, handover = run.make_policy(), run.handover()
        metrics = MetricsFile(run.folder.metrics, len(log))

        def await_weights() -> None:
            began = said = time.monotonic()
            while (found := handover.take(len(log))) is None:
                check_stop()
                if time.monotonic() > said + _SAY_EVERY:
                    said = time.monotonic()
                    what = f"{handover.path} to know of {len(log)} attempts"
                    _LOGGER.info("%s: has waited %.0f s for %s", piece, said - began, what)
                time.sleep(_POLL)
            policy.load(*found, str(handover.path))

        def add(made: Made) -> None:
            row = to_row(made, len(log))
            log.append(to_step(run.method, run.config, made, len(log), len(log)), row.extras())
            metrics.add_attempt(row)

        if len(log) < piece.attempts:
            with _simulated(piece, conditions, run, policy, len(log)) as attempt:
                for number in range(len(log), piece.attempts):
                    if number >= run.num_random_attempts:
                        await_weights()
                    attempt(number, add)
                    check_stop()
        seconds = seconds_per_attempt(run.folder.metrics)
        write_json(piece.result(out), {"attempts": len(log), "seconds_per_attempt": seconds})


@contextlib.contextmanager
def _simulated(
    piece: Piece, conditions: Conditions, run: TrainingRun, policy: Policy[PlanarGrasp], done: int
) -> Iterator[Callable[[int, Callable[[Made], None]], None]]:
    """Yield what makes the attempt of a number, gives it away, and keeps the scene that it leaves."""
    path = run.folder.path / "scene.json"
    with make_simulated_cell(
        conditions.cell, object_set=conditions.objects, seed=piece.seed
    ) as simulation:
        source = _source(piece, conditions, simulation, policy, Scene.load(path, done))

        def attempt(number: int, give: Callable[[Made], None]) -> None:
            mode: Mode = "random" if number < run.num_random_attempts else "train"
            give(source.attempt(number, mode))
            source.scene(number + 1).save(path)

        yield attempt


def _source(
    piece: Piece,
    conditions: Conditions,
    simulation: SimulatedCell,
    policy: Policy[PlanarGrasp],
    scene: Scene | None,
) -> Rollout:
    # A run that lost its scene goes on with other ones.
    seed, count = derive_seed(piece.seed, Stream.TRAINING_SCENES), conditions.num_objects
    if conditions.protocol == "simulation":
        names = training_names(simulation, count, seed)
        return in_episodes(simulation, policy, seed, names, count, scene)
    is_resampled = row(piece.method).is_resampled
    names = pool_names(simulation, POOL_SIZE if is_resampled else count, count, seed)
    every = RESAMPLE_EVERY if is_resampled else 0
    return in_two_trays(simulation, policy, seed, names, scene, every)
