"""How far a plan is, and how long the rest may take."""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from equigrasp.experiments.benchmarks.plan import Piece
from equigrasp.experiments.benchmarks.protocol import (
    LIMIT,
    LIMIT_TARGETS_OF_SCENE,
    Conditions,
    num_targets,
)
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.benchmarks.servo_progress import num_lines, servo_progress
from equigrasp.experiments.benchmarks.worker import error_path, lock_path
from equigrasp.experiments.runs.claims import is_claimed, read_json
from equigrasp.experiments.runs.metrics_file import seconds_per_attempt

_GUESS = 4.0  # [s] an attempt of which nothing is known yet


@dataclass(frozen=True)
class PieceStatus:
    """State of a piece.

    Args:
        piece: Which.
        state: `finished`, `running`, `failed`, `ready` or `waiting` (for weights).
        done: Attempts made.
        total: Attempts that it has.
        seconds: What is left of it, by what an attempt has cost so far [s].
        is_guess: Whether nothing like it was measured in this folder yet.
    """

    piece: Piece
    state: str
    done: int
    total: int
    seconds: float
    is_guess: bool


def survey(plan: list[Piece], out: Path, conditions: Conditions) -> list[PieceStatus]:
    """Return the state of every piece of a plan."""
    costs = {piece: _measured_cost(piece, out) for piece in plan}
    return [_status(piece, plan, costs, out, conditions) for piece in plan]


def describe(statuses: list[PieceStatus], num_workers: int) -> str:
    """Return one line: what is finished, what runs, and how long the rest may take."""
    finished = sum(s.state == "finished" for s in statuses)
    running = [f"{s.piece} ({s.done}/{s.total})" for s in statuses if s.state == "running"]
    failed = sum(s.state == "failed" for s in statuses)
    parts = [f"{finished}/{len(statuses)} jobs", *running]
    parts += [f"{failed} failed"] if failed else []
    return " | ".join([*parts, f"about {remaining_hours(statuses, num_workers):.1f} h left"])


def remaining_hours(statuses: list[PieceStatus], num_workers: int) -> float:
    """Return how long the open pieces may take, shared by so many workers [h]."""
    return sum(s.seconds for s in statuses) / max(1, num_workers) / 3600.0


def listing(statuses: list[PieceStatus], num_workers: int) -> str:
    """Return the whole queue, a line a job, with costs; `?`: no similar job measured yet."""
    lines = [
        f"{s.state:9} {s.done:5d}/{s.total:<5d} {s.seconds / 60.0:7.1f} min{'?' if s.is_guess else ' '} "
        f"{s.piece}"
        for s in statuses
    ]
    total = f"about {remaining_hours(statuses, num_workers):.1f} h with {num_workers} workers"
    return "\n".join([*lines, total])


def _status(
    piece: Piece,
    plan: list[Piece],
    costs: dict[Piece, float | None],
    out: Path,
    conditions: Conditions,
) -> PieceStatus:
    is_training = piece.kind != "validate"
    total = piece.attempts if is_training else _num_rows(piece, conditions)
    if piece.result(out).is_file():
        return PieceStatus(piece, "finished", total, total, 0.0, False)
    done = max(0, min(total, _num_done(piece, out, conditions)))
    state = "ready" if piece.is_ready(out) else "waiting"
    if error_path(piece, out).is_file():
        state = "failed"
    if is_claimed(lock_path(piece, out)):
        state = "running"
    cost = costs[piece] or _mean(costs, piece, same_method=True) or _mean(costs, piece)
    seconds = (total - done) * (cost or _GUESS)
    return PieceStatus(piece, state, done, total, seconds, cost is None)


def _num_done(piece: Piece, out: Path, conditions: Conditions) -> int:
    """Return how far a piece is that is not finished, in its own unit."""
    is_training, is_targets = piece.kind != "validate", conditions.protocol == "targets"
    if conditions.protocol == "servo":
        return servo_progress(piece, out)
    if is_training and is_targets:
        return int(piece.attempts * _share_trained(piece, out))
    progress = piece.run(out).metrics if is_training else piece.result(out).with_suffix(".csv")
    is_headed = is_training or is_targets  # a line that names the columns
    return num_lines(progress) - int(is_headed)


def _share_trained(piece: Piece, out: Path) -> float:
    """Return how far a training of push-grasp is, 0 to 1, by the scenes and pushes that it has simulated."""
    from equigrasp.experiments.push_grasp.pretraining import Amounts, share_simulated

    return share_simulated(piece.run(out).path, Amounts(num_pushes=piece.attempts))


def _mean(
    costs: dict[Piece, float | None], piece: Piece, same_method: bool = False
) -> float | None:
    """Return the mean cost of pieces of the same kind [s an attempt]."""
    known = [
        c
        for p, c in costs.items()
        if c is not None
        and (p.kind, row(p.method).episodes > 0) == (piece.kind, row(piece.method).episodes > 0)
        and (p.method == piece.method or not same_method)
    ]
    return statistics.mean(known) if known else None


def _measured_cost(piece: Piece, out: Path) -> float | None:
    values = read_json(piece.result(out))
    if values is not None:
        return values["seconds_per_attempt"]
    if piece.kind != "validate":
        return seconds_per_attempt(piece.run(out).metrics)
    return None


def _num_rows(piece: Piece, conditions: Conditions) -> int:
    """Return how many rows a validation has at the end: attempts, targets, rounds or scenes."""
    kind, _, number = piece.objects.partition("_")
    if conditions.protocol != "targets":
        return conditions.validation_attempts
    count = num_targets(piece.method, piece.objects, conditions)
    if kind == "clearing":
        return max(1, round(count / int(number)))
    is_by_scene = piece.method == LIMIT and kind == "clutter"
    return math.ceil(count / LIMIT_TARGETS_OF_SCENE) if is_by_scene else count
