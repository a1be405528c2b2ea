"""One piece of work: train a run to so many attempts, keeping the weights of every checkpoint."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from equigrasp.experiments.benchmarks.attempts import (
    AttemptSource,
    EpisodeAttempts,
    TwoTrayAttempts,
    pool_names,
    training_names,
)
from equigrasp.experiments.benchmarks.claims import write_json
from equigrasp.experiments.benchmarks.plan import Piece
from equigrasp.experiments.benchmarks.protocol import (
    POOL_SIZE,
    RESAMPLE_EVERY,
    RESAMPLED,
    Conditions,
)
from equigrasp.experiments.benchmarks.scene import Scene
from equigrasp.experiments.metrics_file import MetricsFile, seconds_per_attempt
from equigrasp.experiments.run_folder import RunFolder, commit
from equigrasp.experiments.simulated_run import Attempt, store
from equigrasp.learning.async_learner import AsyncLearner
from equigrasp.learning.interfaces import Policy
from equigrasp.learning.seeding import derive_seed
from equigrasp.learning.trained_weights import first_weights
from equigrasp.learning.weight_store import write_weights
from equigrasp.methods.registry import load_method
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

CheckStop = Callable[[], None]


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
    name = f"{piece.method}_{conditions.size}"
    package, method = load_method(name)
    threads = dataclasses.replace(method.training, num_threads=num_threads)
    method = dataclasses.replace(method, training=threads)
    run = piece.run(out)
    run.begin(_arguments(piece, conditions, name), method, None)
    weights = first_weights("", method)
    num_random = 0 if weights else method.acting.num_random_attempts
    learner = AsyncLearner(run.path, package, method, piece.seed, weights, device=device)
    modules = package.make_networks(method, piece.seed)
    policy = package.make_policy(method, {k: m.to(device) for k, m in modules.items()})
    training = _Training(run, learner, policy, {m: _snapshot(piece, m, out) for m in marks})
    with contextlib.closing(learner):
        training.learn()
        if learner.num_attempts < piece.attempts:
            with make_simulated_cell(
                conditions.cell, object_set=conditions.objects, seed=piece.seed
            ) as simulation:
                source = _source(piece, conditions, simulation, policy, training.scene())
                for number in range(learner.num_attempts, piece.attempts):
                    is_random = number < num_random
                    training.add(source.attempt(number, "random" if is_random else "train"))
                    source.scene(number + 1).save(training.scene_path)
                    check_stop()
        write_json(piece.result(out), training.result(piece.attempts))


class _Training:
    """A learner, the policy that follows it, and the files of their run."""

    def __init__(
        self, run: RunFolder, learner: AsyncLearner, policy: Policy, snapshots: dict[int, Path]
    ) -> None:
        self._run, self._learner, self._policy = run, learner, policy
        self._snapshots = snapshots
        self._metrics = MetricsFile(run.metrics, learner.num_attempts)
        self.scene_path = run.path / "scene.json"

    def scene(self) -> Scene | None:
        """Return the scene in which the run was left."""
        return Scene.load(self.scene_path, self._learner.num_attempts)

    def add(self, attempt: Attempt) -> None:
        """Write an attempt to disk, learn from it, and let the policy choose by what was learned."""
        row = store(self._learner, attempt, self._learner.num_attempts)
        self.learn()
        self._metrics.add_attempt(row)

    def learn(self) -> None:
        """Take all pending steps; keep the weights of every checkpoint on the way."""
        self._keep()
        while self._learner.num_pending_steps:
            for report in self._learner.train_pending(1):
                self._metrics.add_step(report)
            self._keep()
        self._policy.load(self._learner.weights(), self._learner.num_steps, "learner")

    def result(self, attempts: int) -> dict[str, Any]:
        """Return the outcomes of the first `attempts`."""
        rewards = [transition.reward for transition, _ in self._learner.log][:attempts]
        return {
            "attempts": len(rewards),
            "outcomes": "".join("1" if r > 0.5 else "0" for r in rewards),
            "seconds_per_attempt": seconds_per_attempt(self._run.metrics),
            "steps": self._learner.num_steps,
            "commit": commit(),
        }

    def _keep(self) -> None:
        path = self._snapshots.get(self._learner.num_learned_attempts)
        if path is not None and not path.is_file():
            metadata = {"method": self._learner.method, "version": str(self._learner.num_steps)}
            write_weights(path, self._learner.weights(), metadata)


def _snapshot(piece: Piece, attempts: int, out: Path) -> Path:
    return dataclasses.replace(piece, attempts=attempts).snapshot(out)


def _source(
    piece: Piece,
    conditions: Conditions,
    simulation: SimulatedCell,
    policy: Policy,
    scene: Scene | None,
) -> AttemptSource:
    # A run that lost its scene goes on with other ones.
    seed, count = derive_seed(piece.seed, 7), conditions.num_objects
    if conditions.protocol == "simulation":
        names = training_names(simulation, count, seed)
        return EpisodeAttempts(simulation, policy, seed, names, count, scene)
    is_resampled = piece.method in RESAMPLED
    names = pool_names(simulation, POOL_SIZE if is_resampled else count, count, seed)
    every = RESAMPLE_EVERY if is_resampled else 0
    return TwoTrayAttempts(simulation, policy, seed, names, scene, every)


def _arguments(piece: Piece, conditions: Conditions, method: str) -> dict[str, str]:
    return {
        "cell": conditions.cell,
        "method": method,
        "objects": conditions.objects,
        "split": "train",
        "seed": str(piece.seed),
        "weights": "",
        "protocol": conditions.protocol,
    }
