"""One piece of work: try frozen weights, near-greedily, without learning."""

import time
from pathlib import Path
from typing import Any

import torch

from equigrasp.errors import WeightsError
from equigrasp.experiments.benchmarks.learning import CheckStop
from equigrasp.experiments.benchmarks.plan import SIMULATION_SET, Piece
from equigrasp.experiments.benchmarks.protocol import RANDOM, Conditions
from equigrasp.experiments.evaluation.difficulty import unseen_names
from equigrasp.experiments.rollouts.attempts import (
    Rollout,
    in_episodes,
    in_two_trays,
    training_names,
)
from equigrasp.experiments.rollouts.scene import Scene
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Mode, Policy
from equigrasp.learning.weight_store import load_weights
from equigrasp.methods.registry import load_method
from equigrasp.seeding import derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_SCENES = 1000  # a seed apart from those of training


class Journal:
    """A line an attempt: success, disagreement with the simulator, refused grasps, seconds.

    Args:
        path: The file; what lies in it counts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]  # the last line may be torn by a crash
        self.rows = [[float(v) for v in line.split(",")] for line in whole.splitlines()]
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole != text:
            path.write_text(whole, encoding="utf-8")

    def add(self, is_success: bool, is_disagreeing: bool, refused: int, seconds: float) -> None:
        """Append an attempt."""
        row = [float(is_success), float(is_disagreeing), float(refused), seconds]
        self.rows.append(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(",".join(f"{v:g}" for v in row) + "\n")

    def sum(self, column: int) -> float:
        """Return the sum of a column."""
        return sum(row[column] for row in self.rows)


def validate_piece(
    piece: Piece,
    out: Path,
    conditions: Conditions,
    device: str,
    num_threads: int,
    check_stop: CheckStop,
) -> None:
    """Do the piece, from where it was left, and write its result; arguments as `train_piece`."""
    torch.set_num_threads(num_threads)
    folder = piece.run(out).path
    journal = Journal(folder / f"{piece.name}.csv")
    scene_path = folder / f"{piece.name}.scene.json"
    mode: Mode = "random" if piece.method == RANDOM else "greedy"
    with make_simulated_cell(
        conditions.cell, object_set=conditions.objects, seed=piece.seed
    ) as simulation:
        policy = _policy(piece, out, conditions, device)
        scene = Scene.load(scene_path, len(journal.rows))
        source = _source(piece, conditions, simulation, policy, scene)
        for number in range(len(journal.rows), conditions.validation_attempts):
            began, refused = time.monotonic(), source.num_refused
            attempt = source.attempt(number, mode)
            journal.add(
                attempt.result.outcome.is_success,
                attempt.result.is_disagreeing,
                source.num_refused - refused,
                time.monotonic() - began,
            )
            source.scene(number + 1).save(scene_path)
            check_stop()
    write_json(piece.result(out), _result(journal, piece))
    scene_path.unlink(missing_ok=True)


def _policy(piece: Piece, out: Path, conditions: Conditions, device: str) -> Policy[PlanarGrasp]:
    is_random = piece.method == RANDOM
    name = "asr" if is_random else piece.method  # random choices ask no network
    package, method = load_method(name, conditions.size)
    modules = package.make_networks(method, piece.seed)
    policy: Policy[PlanarGrasp] = package.make_policy(
        method, {k: m.to(device) for k, m in modules.items()}
    )
    if not is_random:
        path = piece.snapshot(out)
        tensors, metadata = load_weights(path)
        if metadata.get("method") != str(method.method):
            raise WeightsError(f"{path} belongs to method '{metadata.get('method')}'.")
        policy.load(tensors, int(metadata["version"]), str(path))
    return policy


def _source(
    piece: Piece,
    conditions: Conditions,
    simulation: SimulatedCell,
    policy: Policy[PlanarGrasp],
    scene: Scene | None,
) -> Rollout:
    seed = derive_seed(_SCENES, piece.seed)  # the same scenes for all methods and checkpoints
    if piece.objects == SIMULATION_SET:
        shapes = training_names(simulation, conditions.num_objects, seed)
        return in_episodes(simulation, policy, seed, shapes, conditions.num_objects, scene)
    names = unseen_names(piece.objects, conditions.objects)
    return in_two_trays(simulation, policy, seed, lambda number: names, scene)


def _result(journal: Journal, piece: Piece) -> dict[str, Any]:
    attempts, successes = len(journal.rows), int(journal.sum(0))
    return {
        "attempts": attempts,
        "successes": successes,
        "success_rate": successes / attempts,
        "interval_95": wilson_interval(successes, attempts),
        "disagreements": int(journal.sum(1)),
        "refused": int(journal.sum(2)),
        "seconds_per_attempt": journal.sum(3) / attempts,
        "trained_attempts": piece.attempts,
        "objects": piece.objects,
        "commit": commit(),
    }
