"""What a results folder holds of push-grasp's tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from equigrasp.experiments.benchmarks.plan import Piece, make_plan
from equigrasp.experiments.benchmarks.protocol import LIMIT, Order, benchmarks
from equigrasp.experiments.benchmarks.results import Share, seeds_in
from equigrasp.experiments.push_grasp.clearing_task import ClearingResult
from equigrasp.experiments.push_grasp.difficulty import Difficulty
from equigrasp.experiments.push_grasp.result_rows import read_rows
from equigrasp.experiments.push_grasp.target_task import TargetResult
from equigrasp.experiments.statistics import Rounds, bootstrap_interval, wider_interval

Row = TargetResult | ClearingResult | Difficulty
Key = tuple[int, int]  # scene and target
_APART = 1_000_000  # scenes of two cells
Only = Callable[[int, TargetResult], bool]


@dataclass(frozen=True, eq=False)
class Cell:
    """Finished rows of a method in a set of scenes, by training seed."""

    rows: dict[int, list[Row]]

    def gsr(self, only: Only = lambda seed, row: True) -> Share | None:
        """Return targets taken of all, or grasps that held of all; None: there are none.

        Args:
            only: Which targets of a seed count.
        """
        parts = {s: _success(s, rows, only) for s, rows in self.rows.items()}
        return share(parts, wider_interval)

    def second(self) -> Share | float | None:
        """Return DR of clearing, ME of targets; None of what has neither."""
        everything = [row for rows in self.rows.values() for row in rows]
        cleared = {
            s: {r.scene: (r.num_taken / r.num_objects, 1.0) for r in rows}
            for s, rows in self.clearings().items()
        }
        if cleared:
            return share(cleared, bootstrap_interval)
        targets = [r for r in everything if isinstance(r, TargetResult)]
        actions = sum(r.num_grasps + r.num_pushes for r in targets)
        return sum(r.num_grasps for r in targets) / max(1, actions) if targets else None

    def clearings(self) -> dict[int, list[ClearingResult]]:
        """Return the rounds of clearing by seed; empty: it is no clearing."""
        found = {
            s: [r for r in rows if isinstance(r, ClearingResult)] for s, rows in self.rows.items()
        }
        return {s: rows for s, rows in found.items() if rows}

    def not_taken(self) -> dict[int, set[Key]]:
        """Return the targets that were not taken, by seed."""
        return {
            s: {
                (r.scene, r.target) for r in rows if isinstance(r, TargetResult) and not r.is_taken
            }
            for s, rows in self.rows.items()
        }

    def by_scene(self) -> dict[int, tuple[float, float]]:
        """Return successes and all tries of all seeds, by scene."""
        return _sum(
            {s: _success(s, rows, lambda seed, row: True) for s, rows in self.rows.items()}
        )


def read_cells(order: Order, out: Path) -> dict[tuple[str, str], Cell]:
    """Return what is finished, by method and set of scenes, of all seeds and benchmarks in the folder."""
    seeds = tuple(sorted(set(seeds_in(out)) | set(order.seeds)))
    protocol = order.conditions.protocol
    names = tuple(name for name, b in benchmarks().items() if b.protocol == protocol)
    whole = Order(names, order.conditions, (), seeds, order.attempts)
    found: dict[tuple[str, str], dict[int, list[Row]]] = {}
    for piece in make_plan(whole):
        if piece.kind == "validate" and piece.result(out).is_file():
            cell = found.setdefault((piece.method, piece.objects), {})
            cell[piece.seed] = _rows(piece, out)
    return {key: Cell(rows) for key, rows in found.items()}


def merged(cells: list[Cell]) -> Cell:
    """Return the rows of some cells of targets as one cell."""
    found: dict[int, list[Row]] = {}
    for number, cell in enumerate(cells):
        for seed, rows in cell.rows.items():
            apart = [
                replace(r, scene=r.scene + _APART * number) if isinstance(r, TargetResult) else r
                for r in rows
            ]
            found.setdefault(seed, []).extend(apart)
    return Cell(found)


def share(
    of_seeds: dict[int, dict[int, tuple[float, float]]],
    interval: Callable[[Rounds, np.random.Generator], tuple[float, float]],
) -> Share | None:
    """Return a rate of parts and wholes by seed and scene; scenes are drawn with all their seeds."""
    rounds = rounds_of(_sum(of_seeds))
    if rounds is None:
        return None
    low, high = interval(rounds, np.random.default_rng(0))
    single = [rounds_of(parts) for parts in of_seeds.values()]
    return Share(rounds.rate, low, high, tuple(r.rate for r in single if r is not None))


def rounds_of(by_scene: dict[int, tuple[float, float]]) -> Rounds | None:
    """Return parts and wholes by scene as rounds; None: there are no wholes."""
    values = np.array([by_scene[k] for k in sorted(by_scene)], float).reshape(-1, 2)
    return Rounds(values[:, 0], values[:, 1]) if values[:, 1].sum() > 0 else None


def _rows(piece: Piece, out: Path) -> list[Row]:
    path = piece.result(out).with_suffix(".csv")
    if piece.method == LIMIT:
        return list(read_rows(path, Difficulty))
    is_clearing = piece.objects.startswith("clearing_")
    return list(read_rows(path, ClearingResult) if is_clearing else read_rows(path, TargetResult))


def _success(seed: int, rows: list[Row], only: Only) -> dict[int, tuple[float, float]]:
    """Return successes and tries by scene."""
    found: dict[int, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        if isinstance(row, Difficulty):
            scene, success, tries = number, row.num_held, row.num_targets
        elif isinstance(row, ClearingResult):
            scene, success, tries = row.scene, row.num_successes, row.num_grasps
        elif only(seed, row):
            scene, success, tries = row.scene, int(row.is_taken), 1
        else:
            continue
        before = found.get(scene, (0.0, 0.0))
        found[scene] = before[0] + success, before[1] + tries
    return found


def _sum(of_seeds: dict[int, dict[int, tuple[float, float]]]) -> dict[int, tuple[float, float]]:
    found: dict[int, tuple[float, float]] = {}
    for parts in of_seeds.values():
        for scene, (part, whole) in parts.items():
            before = found.get(scene, (0.0, 0.0))
            found[scene] = before[0] + part, before[1] + whole
    return found
