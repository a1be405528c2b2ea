"""The pieces of work that an order asks for, in a fixed order."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from equigrasp.experiments.benchmarks.protocol import RANDOM, Order, benchmarks
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.runs.run_folder import RunFolder

Kind = Literal["train", "simulate", "learn", "validate"]
SIMULATION_SET = "seen"  # the shapes of training (paper, section 6.1: one set of shapes for both)
ROBOT_SETS = ("easy", "hard")
_UNTRAINED_SEED = 0  # of rows without a training, whatever seeds are asked for


@dataclass(frozen=True)
class Piece:
    """Work that one worker does in one go.

    Args:
        method: Name without the size.
        seed: Of the run.
        kind: `train`: from where the run is to `attempts`. `simulate`, `learn`: the halves of that,
            for two processes. `validate`: freeze the weights of after `attempts` and try them.
        attempts: See `kind`.
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
        return f"validation_{self.attempts:05d}_{self.objects}"

    def run(self, out: Path) -> RunFolder:
        """Return the folder of the run that it belongs to."""
        return RunFolder(out / "runs" / row(self.method).folder / f"seed_{self.seed}")

    def result(self, out: Path) -> Path:
        """Return its result file: the piece is finished when it exists."""
        return self.run(out).path / f"{self.name}.json"

    def snapshot(self, out: Path) -> Path:
        """Return the weights that are there after its attempts."""
        owner = replace(self, method=row(self.method).weights_of or self.method)
        return owner.run(out).path / "snapshots" / f"attempt_{self.attempts:05d}.safetensors"

    def is_ready(self, out: Path) -> bool:
        """Tell whether it could begin."""
        is_frozen = self.kind == "validate" and row(self.method).is_trained
        return not is_frozen or self.snapshot(out).is_file()

    def __str__(self) -> str:
        objects = f" ({self.objects}) at" if self.objects else " to"
        return f"{self.method} seed {self.seed}: {self.kind}{objects} {self.attempts}"


def make_plan(order: Order) -> list[Piece]:
    """Return all pieces: seed by seed, in each the methods that tell most first.

    Validations follow the training that they belong to, so that a table has whole rows early.
    """
    return [
        piece
        for seed in order.seeds
        for method in order.chosen_methods()
        for piece in _run_pieces(order, method, seed)
    ]


def chosen_pieces(order: Order, only: tuple[Kind, ...]) -> list[Piece]:
    """Return the pieces of some kinds; halves of training stand in its place."""
    return [
        replace(piece, kind=kind)
        for piece in make_plan(order)
        for kind in only
        if kind == piece.kind or (piece.kind == "train" and kind in ("simulate", "learn"))
    ]


def checkpoints(order: Order, method: str) -> list[int]:
    """Return the attempts after which a run's weights are kept and validated."""
    total = _attempts(order, method)
    every = order.conditions.validate_every
    if order.conditions.protocol != "simulation" or total < every:
        return [total]
    return list(range(every, total + 1, every))


def _run_pieces(order: Order, method: str, seed: int) -> list[Piece]:
    if order.conditions.protocol == "targets":
        return _target_pieces(order, method, seed)
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


def _attempts(order: Order, method: str) -> int:
    return order.attempts * (2 if row(method).is_resampled else 1)
