"""The pieces of work that an order asks for, in a fixed order."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from equigrasp.experiments.benchmarks.protocol import RANDOM, Order, benchmarks
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.runs.run_folder import RunFolder

Kind = Literal["train", "simulate", "learn", "collect", "validate"]
SIMULATION_SET = "seen"  # the shapes of training (paper, section 6.1: one set of shapes for both)
ROBOT_SETS = ("easy", "hard")
SERVO_SET = "unseen"
SCRIPT = "script"  # collects in the place of a policy
_UNTRAINED_SEED = 0  # of rows without a training, whatever seeds are asked for
_LOG_SEED = 0  # of logs: all seeds of a training learn from the same


@dataclass(frozen=True)
class Piece:
    """Work that one worker does in one go.

    Args:
        method: Name without the size.
        seed: Of the run.
        kind: `train`: from where the run is to `attempts`. `simulate`, `learn`: the halves of that,
            for two processes. `collect`: a log of `attempts` transitions. `validate`: freeze the weights
            of after `attempts` and try them.
        attempts: See `kind`. Of what learns from logs alone: SGD steps.
        objects: Objects of a validation: `seen`, `easy` or `hard`; or a set of scenes of `targets`.
    """

    method: str
    seed: int
    kind: Kind
    attempts: int
    objects: str = ""

    @property
    def name(self) -> str:
        """Name of its files; unique within the run, but for the two ways to learn from it."""
        if self.kind in ("train", "learn"):
            return f"training_{self.attempts:05d}"
        if self.kind == "simulate":
            return f"simulation_{self.attempts:05d}"
        if self.kind == "collect":
            return "collection"
        return f"validation_{self.attempts:05d}_{self.objects}"

    def run(self, out: Path) -> RunFolder:
        """Return the folder of the run that it belongs to."""
        return RunFolder(out / "runs" / row(self.method).folder / f"seed_{self.seed}")

    def result(self, out: Path) -> Path:
        """Return its result file: the piece is finished when it exists."""
        return self.run(out).path / f"{self.name}.json"

    def snapshot(self, out: Path) -> Path:
        """Return the weights that are there after its attempts, or where its training has ended by rule."""
        owner = replace(self, method=row(self.method).weights_of or self.method)
        name = "stopped" if row(owner.method).stop_rate else f"attempt_{self.attempts:05d}"
        return owner.run(out).path / "snapshots" / f"{name}.safetensors"

    def needs(self, out: Path) -> list[Path]:
        """Return the files that must be there before it can begin."""
        found = row(self.method)
        if self.kind == "validate":
            return [self.snapshot(out)] if found.is_trained else []
        if self.kind == "collect":
            policies = [found.collected_by] if found.collected_by != SCRIPT else []
            return [Piece(p, _LOG_SEED, "train", 0).snapshot(out) for p in policies]
        return [log_piece(log).result(out) for log in found.logs]

    def is_ready(self, out: Path) -> bool:
        """Tell whether it could begin."""
        return all(path.is_file() for path in self.needs(out))

    def __str__(self) -> str:
        objects = f" ({self.objects}) at" if self.objects else " to"
        return f"{self.method} seed {self.seed}: {self.kind}{objects} {self.attempts}"


def make_plan(order: Order) -> list[Piece]:
    """Return all pieces: seed by seed, in each the methods that tell most first.

    Validations follow the training that they belong to, so that a table has whole rows early.
    """
    pieces = [
        piece
        for seed in order.seeds
        for method in order.chosen_methods()
        for piece in _run_pieces(order, method, seed)
    ]
    return list(dict.fromkeys(pieces))  # rows share logs


def log_piece(log: str, transitions: int = 0) -> Piece:
    """Return the piece that collects a log; `transitions` do not matter to where it lies."""
    return Piece(log, _LOG_SEED, "collect", transitions)


def chosen_pieces(order: Order, only: tuple[Kind, ...]) -> list[Piece]:
    """Return the pieces of some kinds; halves of training stand in its place, collecting belongs to it."""
    return [
        piece if piece.kind == "collect" else replace(piece, kind=kind)
        for piece in make_plan(order)
        for kind in only
        if kind == piece.kind
        or (piece.kind == "train" and kind in ("simulate", "learn"))
        or (piece.kind == "collect" and kind == "train")
    ]


def checkpoints(order: Order, method: str) -> list[int]:
    """Return the attempts after which a run's weights are kept and validated.

    Of `servo` those of all benchmarks, whichever the order names: a run is made once.
    """
    total = _attempts(order, method)
    if order.conditions.protocol == "servo":
        return _servo_checkpoints(method, total, tuple(benchmarks()))
    every = order.conditions.validate_every
    if order.conditions.protocol != "simulation" or total < every:
        return [total]
    return list(range(every, total + 1, every))


def _run_pieces(order: Order, method: str, seed: int) -> list[Piece]:
    if order.conditions.protocol == "targets":
        return _target_pieces(order, method, seed)
    if order.conditions.protocol == "servo":
        return _servo_pieces(order, method, seed)
    is_robot = order.conditions.protocol == "robot"
    sets = ROBOT_SETS if is_robot else (SIMULATION_SET,)
    if method == RANDOM:
        return [Piece(method, seed, "validate", 0, objects) for objects in sets]
    return [Piece(method, seed, "train", _attempts(order, method))] + [
        Piece(method, seed, "validate", attempts, objects)
        for attempts in checkpoints(order, method)
        for objects in sets
    ]


def _target_pieces(order: Order, method: str, seed: int) -> list[Piece]:
    """Return the training of a row, if it has one of its own, and its cells of the tables."""
    found = row(method)
    if not found.is_trained:  # nothing in it depends on a training
        if seed != order.seeds[0]:
            return []
        seed = _UNTRAINED_SEED
    wanted = [benchmarks()[b] for b in order.benchmarks]
    sets = dict.fromkeys(s for b in wanted if method in b.methods for s in b.sets)
    attempts = order.attempts if found.is_trained else 0
    is_own = found.is_trained and not found.weights_of
    train = [Piece(method, seed, "train", attempts)] if is_own else []
    return train + [Piece(method, seed, "validate", attempts, s) for s in sets]


def _servo_pieces(order: Order, method: str, seed: int) -> list[Piece]:
    """Return the logs that a row learns from, its training, and its evaluations, the last checkpoint first."""
    if not row(method).is_trained:
        is_first = seed == order.seeds[0]
        return [Piece(method, _UNTRAINED_SEED, "validate", 0, SERVO_SET)] if is_first else []
    total = _attempts(order, method)
    marks = _servo_checkpoints(method, total, order.benchmarks)
    return [
        *(piece for log in row(method).logs for piece in _log_pieces(order, log)),
        Piece(method, seed, "train", total),
        *(Piece(method, seed, "validate", mark, SERVO_SET) for mark in reversed(marks)),
    ]


def _log_pieces(order: Order, log: str) -> list[Piece]:
    """Return what collects a log, after the training of the policy that does so."""
    assert order.conditions.logs is not None
    policy = row(log).collected_by
    train = [] if policy == SCRIPT else [Piece(policy, _LOG_SEED, "train", order.attempts)]
    return [*train, log_piece(log, order.conditions.logs.transitions)]


def _servo_checkpoints(method: str, total: int, names: tuple[str, ...]) -> list[int]:
    """Return the checkpoints that some benchmarks measure of a row, in ascending order."""
    wanted = [benchmarks()[n] for n in names]
    shares = {c for b in wanted if method in b.methods for c in b.checkpoints}
    return sorted({servo_checkpoint(method, total, c) for c in shares} | {total})


def servo_checkpoint(method: str, total: int, share: float) -> int:
    """Return the attempts at a share of a training; what learns from logs alone has its end only."""
    return max(1, round(share * total)) if row(method).episodes else total


def _attempts(order: Order, method: str) -> int:
    logs, found = order.conditions.logs, row(method)
    if logs is not None:
        return round(order.attempts * found.episodes) if found.episodes else logs.sgd_steps
    return order.attempts * (2 if row(method).is_resampled else 1)
