"""Pieces of work of QT-Opt's tables: collect logs, train on them or in episodes, measure frozen weights."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks.given_weights import copy_weights, keep_weights
from equigrasp.experiments.benchmarks.plan import SCRIPT, Piece, log_piece
from equigrasp.experiments.benchmarks.protocol import Conditions
from equigrasp.experiments.benchmarks.published import configuration, row
from equigrasp.experiments.benchmarks.servo_progress import (
    PROGRESS,
    evaluation_folder,
    servo_progress,
)
from equigrasp.experiments.rollouts.prior_data import PriorData
from equigrasp.experiments.rollouts.train import train
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.experiments.runs.run_folder import RunFolder, commit
from equigrasp.experiments.servo.evaluate import evaluate_closed_loop
from equigrasp.experiments.servo.log_collection import LogCounts, collect_log
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.log_prefix import copy_first

_SCENES = 1000  # seed of the first seed's scenes: the same for all rows, others for each seed
_LOOK = 100  # episodes between two looks at whether a training is to end


def do_servo_piece(
    piece: Piece, out: Path, conditions: Conditions, marks: list[int], num_threads: int
) -> None:
    """Do a piece, from where it was left, and write its result.

    Args:
        piece: Which.
        out: Results folder.
        conditions: Of all pieces.
        marks: Attempts after which weights are kept, of a training.
        num_threads: Of PyTorch.

    Raises:
        ConfigError: if a run has gone beyond a mark without keeping its weights.
    """
    torch.set_num_threads(num_threads)
    began, done = time.monotonic(), servo_progress(piece, out)

    def seconds(total: int) -> float:
        """Return the wall-clock time of an attempt, SGD step or transition of this process [s]."""
        return (time.monotonic() - began) / max(1, total - done)

    if piece.kind == "validate":
        found = _measure(piece, out, conditions)
        cost = seconds(conditions.validation_attempts)
        where = {"trained_attempts": piece.attempts, "objects": piece.objects}
        write_json(piece.result(out), found | where | {"seconds_per_attempt": cost})
        return
    if piece.kind == "collect":
        counts = _collect(piece, out, conditions)
        cost = seconds(counts.transitions)
        made = {"seconds_per_attempt": cost, "commit": commit()}
        write_json(piece.result(out), {**counts.facts, **made})
        return
    weights, facts = _learn(piece, out, conditions, marks)
    cost = seconds(int(facts["episodes"]) or piece.attempts)
    keep_weights(piece, out, weights, conditions.size, cost, facts)


def _learn(
    piece: Piece, out: Path, conditions: Conditions, marks: list[int]
) -> tuple[Path, dict[str, float]]:
    """Train; return the weights, and what is known of the training."""
    run, arguments = piece.run(out), _arguments(piece, out, conditions)
    prior, num_prior = _prior(piece, out, conditions)
    if row(piece.method).episodes == 0.0:
        train(arguments, 0, None, prior)
        return run.newest_weights(), {"episodes": 0, "transitions": num_prior}
    if rate := row(piece.method).stop_rate:
        num_episodes, weights = _train_until(rate, piece.attempts, arguments)
    else:
        num_episodes = piece.attempts
        for mark in marks:
            _train_to(replace(piece, attempts=mark), out, conditions.size, arguments, prior)
        weights = piece.snapshot(out)
    outcomes = _outcomes(run)[:num_episodes]
    last = outcomes[-_LOOK:]
    return weights, {
        "episodes": num_episodes,
        "transitions": num_prior + _num_steps(run.log, num_episodes),
        "last_success_rate": sum(last) / len(last),
    }


def _train_to(
    piece: Piece, out: Path, size: str, arguments: dict[str, str], prior: PriorData
) -> None:
    """Train up to a mark, if its weights are not there yet, and keep them."""
    if piece.snapshot(out).is_file():
        return
    run = piece.run(out)
    if (count := len(_outcomes(run))) > piece.attempts:
        raise ConfigError(
            f"'{run.path}' holds {count} episodes, but no weights of after {piece.attempts}. Ask for as many "
            "--attempts as before, or for another --out."
        )
    train(arguments, piece.attempts, None, prior)
    copy_weights(piece, out, run.newest_weights(), size)


def _train_until(rate: float, max_episodes: int, arguments: dict[str, str]) -> tuple[int, Path]:
    """Train until so many of the last episodes succeed, scripted ones apart; return episodes and weights."""
    run = RunFolder(Path(arguments["out"]))
    num_scripted = load_method(arguments["method"])[1].training.num_prior_episodes
    for count in [*range(_LOOK, max_episodes, _LOOK), max_episodes]:
        train(arguments, count, None)
        last = _outcomes(run)[max(num_scripted, count - _LOOK) : count]
        if len(last) == _LOOK and sum(last) >= rate * _LOOK:
            break
    return count, run.newest_weights()


def _collect(piece: Piece, out: Path, conditions: Conditions) -> LogCounts:
    """Collect a log; the policy, where there is one, acts by the weights of its own training."""
    policy = row(piece.method).collected_by
    weights = None if policy == SCRIPT else replace(piece, method=policy).snapshot(out)
    run = piece.run(out)

    def tell(counts: LogCounts) -> None:
        write_json(run.path / PROGRESS, counts.facts)

    arguments = _arguments(piece, out, conditions)
    return collect_log(arguments, weights, piece.attempts, run.log, tell)


def _measure(piece: Piece, out: Path, conditions: Conditions) -> dict[str, Any]:
    """Measure frozen weights, or the script, on objects never seen."""
    is_learned = row(piece.method).is_trained
    arguments = _arguments(piece, out, conditions)
    return evaluate_closed_loop(
        arguments | {"split": "test", "seed": str(_SCENES + piece.seed)},
        "learned" if is_learned else "heuristic",
        piece.snapshot(out) if is_learned else None,
        conditions.validation_attempts,
        evaluation_folder(piece, out),
    )


def _prior(piece: Piece, out: Path, conditions: Conditions) -> tuple[PriorData, int]:
    """Return what a row learns from before any episode, and how many transitions that is."""
    shares, amounts = row(piece.method).logs, conditions.logs
    if not shares or amounts is None:
        return PriorData(), 0
    folder, total, copies = piece.run(out).path / "prior", 0, []
    for log, share in shares.items():
        copy = folder / f"{log}.log"
        whole = log_piece(log).run(out).log
        total += copy_first(whole, copy, round(share * amounts.transitions))
        copies.append(str(copy))
    return PriorData(tuple(copies), amounts.sgd_steps), total


def _arguments(piece: Piece, out: Path, conditions: Conditions) -> dict[str, str]:
    name = "qt_opt" if not row(piece.method).is_trained else piece.method
    return {
        "cell": conditions.cell,
        "method": configuration(name, conditions.size),
        "objects": conditions.objects,
        "split": "train",
        "seed": str(piece.seed),
        "weights": "",
        "out": str(piece.run(out).path),
    }


def _outcomes(run: RunFolder) -> list[int]:
    return [int(r["success"]) for r in read_metrics(run.metrics)]


def _num_steps(log: Path, num_episodes: int) -> int:
    return sum(step.episode < num_episodes for step, _ in ExperienceLog(log, is_writing=False))
