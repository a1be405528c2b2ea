"""Pieces of work of push-grasp's tables: train, fetch targets, clear tables, try 64 grasps."""

import time
from collections.abc import Mapping
from pathlib import Path

import torch

from equigrasp.experiments.benchmarks.given_weights import keep_weights
from equigrasp.experiments.benchmarks.learning import CheckStop
from equigrasp.experiments.benchmarks.plan import Piece
from equigrasp.experiments.benchmarks.protocol import (
    LIMIT,
    LIMIT_TARGETS_OF_SCENE,
    Conditions,
    num_targets,
)
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.push_grasp.difficulty import Difficulty, measure_limit
from equigrasp.experiments.push_grasp.pretraining import Amounts, PushGraspPretraining
from equigrasp.experiments.push_grasp.target_evaluation import TargetConditions, run_targets
from equigrasp.experiments.push_grasp.task_scenes import TargetTask
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.learning.method_names import full_name
from equigrasp.simulation.clutter_spreads import clutter_spread

_SCENES = 1000  # seed of the scenes: the same for all methods and trainings
_TRAINING_CELL = "gantry"


def target_conditions(piece: Piece, conditions: Conditions) -> TargetConditions:
    """Return what a piece evaluates; its set is named `clutter_N`, `clearing_N` or `tight_K`."""
    kind, _, number = piece.objects.partition("_")
    task = TargetTask(layout=int(number), seed=_SCENES)
    if kind != "tight":
        count = int(number)
        task = TargetTask(num_objects=count, spread=clutter_spread(count), seed=_SCENES)
    method = (
        "push_grasp" if piece.method == LIMIT else piece.method
    )  # its rules of height and width
    return TargetConditions(
        full_name(method, conditions.size),
        conditions.cell,
        conditions.objects,
        task,
        is_clearing=kind == "clearing",
    )


def train_target_piece(piece: Piece, out: Path, conditions: Conditions, num_threads: int) -> None:
    """Train a row's networks, from where it was left, and keep the weights as given ones are kept."""
    torch.set_num_threads(num_threads)
    arguments = {
        "cell": _TRAINING_CELL,
        "method": full_name(piece.method, conditions.size),
        "objects": conditions.objects,
        "split": "train",
        "seed": str(piece.seed),
        "out": str(piece.run(out).path),
    }
    began = time.monotonic()
    weights = PushGraspPretraining(arguments, Amounts(num_pushes=piece.attempts), None).run()
    seconds = (time.monotonic() - began) / piece.attempts
    keep_weights(piece, out, weights, conditions.size, seconds)


def fetch_piece(
    piece: Piece, out: Path, conditions: Conditions, num_threads: int, check_stop: CheckStop
) -> None:
    """Fetch targets or clear tables, from where the piece was left, and write its result."""
    torch.set_num_threads(num_threads)
    if piece.method == LIMIT:
        _measure_limit(piece, out, conditions, check_stop)
        return
    wanted = target_conditions(piece, conditions)
    count = num_targets(piece.method, piece.objects, conditions)
    weights = piece.snapshot(out) if row(piece.method).is_trained else None
    rows = piece.result(out).with_suffix(".csv")
    rows.parent.mkdir(parents=True, exist_ok=True)
    clock = _Clock(check_stop)
    found = run_targets(rows, weights, wanted, count, clock)
    _finish(piece, out, found, clock)


def _measure_limit(piece: Piece, out: Path, conditions: Conditions, check_stop: CheckStop) -> None:
    rows = piece.result(out).with_suffix(".csv")
    rows.parent.mkdir(parents=True, exist_ok=True)
    wanted, clock = target_conditions(piece, conditions), _Clock(check_stop)
    count = num_targets(piece.method, piece.objects, conditions)
    found: Difficulty = measure_limit(
        rows, wanted.method, wanted.objects, wanted.task, count, LIMIT_TARGETS_OF_SCENE, clock
    )
    values = {
        "targets": found.num_targets,
        "hidden": found.num_hidden,
        "held_by_first": found.num_first,
        "taken": found.num_held,
        "share_not_held": found.share_not_held,
    }
    _finish(piece, out, values, clock)


class _Clock:
    """Called after each row: counts it, measures time, and ends work when told to."""

    def __init__(self, check_stop: CheckStop) -> None:
        self._check_stop, self._began, self._count = check_stop, time.monotonic(), 0

    def __call__(self) -> None:
        self._count += 1
        self._check_stop()

    @property
    def seconds_a_row(self) -> float:
        """Wall-clock time of the rows of this process, in the mean [s]; 0: it made none."""
        return (time.monotonic() - self._began) / self._count if self._count else 0.0


def _finish(piece: Piece, out: Path, found: Mapping[str, object], clock: _Clock) -> None:
    facts = {
        "objects": piece.objects,
        "seconds_per_attempt": clock.seconds_a_row,
        "commit": commit(),
    }
    write_json(piece.result(out), {**found, **facts})
