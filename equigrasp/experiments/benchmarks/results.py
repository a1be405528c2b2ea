"""What a results folder holds so far."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from equigrasp.experiments.benchmarks.plan import Piece, checkpoints, make_plan
from equigrasp.experiments.benchmarks.protocol import Order
from equigrasp.experiments.runs.claims import read_json
from equigrasp.experiments.runs.metrics_file import read_metrics


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its standard error, as shares; the error is NaN for one seed."""

    mean: float
    standard_error: float
    count: int

    def __str__(self) -> str:
        if self.count == 0:
            return ""
        if self.count == 1:
            return f"{100 * self.mean:.1f} (1 seed)"
        return f"{100 * self.mean:.1f} ± {100 * self.standard_error:.1f} ({self.count} seeds)"


def estimate(values: list[float]) -> Estimate:
    """Return mean and standard error: sample deviation (n - 1) over the root of n."""
    if not values:
        return Estimate(math.nan, math.nan, 0)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Estimate(float(np.mean(values)), error, len(values))


@dataclass(frozen=True, eq=False)
class Share:
    """A rate over all seeds with its interval, and the rates of the seeds.

    Args:
        rate: Of all seeds together.
        low: Of its 95 % interval.
        high: Of its 95 % interval.
        of_seeds: Rates of the single trainings.
    """

    rate: float
    low: float
    high: float
    of_seeds: tuple[float, ...]

    def __str__(self) -> str:
        text = f"{100 * self.rate:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"
        if len(self.of_seeds) < 2:
            return text
        low, high = 100 * min(self.of_seeds), 100 * max(self.of_seeds)
        return f"{text} ({len(self.of_seeds)} seeds: {low:.1f} to {high:.1f})"


@dataclass
class MethodResults:
    """All seeds of a method.

    Args:
        outcomes: 1 or 0 for each attempt of training so far, by seed.
        validations: Success rates, by (attempts, objects) and then by seed.
    """

    outcomes: dict[int, np.ndarray] = field(default_factory=dict)
    validations: dict[tuple[int, str], dict[int, float]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def validation(self, attempts: int, objects: str) -> Estimate:
        """Return success on frozen weights over the seeds that are finished."""
        return estimate(list(self.validations.get((attempts, objects), {}).values()))

    def last_outcomes(self, window: int, attempts: int) -> Estimate:
        """Return success of the last `window` attempts of the runs that made `attempts`."""
        whole = [o[attempts - window : attempts] for o in self.outcomes.values()]
        return estimate([float(o.mean()) for o in whole if len(o) == window])


def read_results(order: Order, out: Path) -> dict[str, MethodResults]:
    """Return what is known of the methods of an order, those of unfinished runs included.

    All seeds that lie in the folder count, whether the order names them or not.
    """
    seeds = tuple(sorted(set(seeds_in(out)) | set(order.seeds)))
    whole = Order(order.benchmarks, order.conditions, (), seeds, order.attempts)
    found = {method: MethodResults() for method in whole.chosen_methods()}
    for piece in make_plan(whole):
        results = found[piece.method]
        if piece.kind == "train":
            outcomes = _outcomes(piece, out)
            if len(outcomes):
                results.outcomes[piece.seed] = outcomes
        elif (values := read_json(piece.result(out))) is not None:
            key = piece.attempts, piece.objects
            results.validations[key][piece.seed] = float(values["success_rate"])
    return found


def shown_checkpoints(order: Order) -> list[int]:
    """Return the checkpoints of the table's columns: all of them, or of many the telling ones."""
    all_of_them = checkpoints(order, order.chosen_methods()[0])
    every = order.conditions.validate_every
    telling = {every, 2 * every, 3 * every, all_of_them[-1]}
    return [c for c in all_of_them if c in telling]


def _outcomes(piece: Piece, out: Path) -> np.ndarray:
    """Return outcomes from the finished result, else from the metrics of the unfinished run."""
    values = read_json(piece.result(out))
    if values is not None:
        return np.array([int(c) for c in values["outcomes"]])
    rows = read_metrics(piece.run(out).metrics)
    return np.array([int(r["success"]) for r in rows], dtype=int)[: piece.attempts]


def seeds_in(out: Path) -> list[int]:
    """Return the seeds of which a results folder holds runs."""
    names = {p.name.removeprefix("seed_") for p in out.glob("runs/*/seed_*")}
    return [int(n) for n in names if n.isdigit()]
