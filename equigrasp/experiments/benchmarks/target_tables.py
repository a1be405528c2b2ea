"""Tables of push-grasp, ours beside the published figures, as Markdown and CSV."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from equigrasp.experiments.benchmarks.protocol import (
    LIMIT,
    MOST_LIMIT_TARGETS,
    Benchmark,
    Order,
    benchmarks,
    num_targets,
)
from equigrasp.experiments.benchmarks.published import Row, others, rows
from equigrasp.experiments.benchmarks.results import Share
from equigrasp.experiments.benchmarks.results_folder import commits_in
from equigrasp.experiments.benchmarks.tables import comma_separated, markdown
from equigrasp.experiments.benchmarks.target_results import (
    Cell,
    merged,
    read_cells,
    rounds_of,
)
from equigrasp.experiments.push_grasp.target_task import TargetResult
from equigrasp.experiments.runs.claims import write_whole
from equigrasp.experiments.statistics import paired_difference
from equigrasp.simulation.clutter_spreads import clutter_spread

Cells = dict[tuple[str, str], Cell]
_OURS = "push_grasp"
_NOTHING, _TO_COME = "–", "to come"


def write_target_tables(order: Order, out: Path) -> None:
    """Write `<benchmark>.md` and `<benchmark>.csv` for each benchmark of the order."""
    cells = read_cells(order, out)
    for name in order.benchmarks:
        benchmark = benchmarks()[name]
        found = gain_rows(benchmark, cells) if benchmark.is_gain else main_rows(benchmark, cells)
        parts = [f"# {benchmark.title}", markdown(found)]
        if not benchmark.is_gain and benchmark.sets[0].startswith("clutter"):
            parts += [
                "Targets that are not taken without pushes:",
                markdown(hard_rows(benchmark, cells)),
            ]
        if not benchmark.is_gain:
            parts += [
                "Push-grasp less each, in the same scenes [points]:",
                markdown(difference_rows(benchmark, cells)),
            ]
        parts.append(notes(order, benchmark, commits_in(out)))
        write_whole(
            out / f"{name}.md", "\n".join(p if p.endswith("\n") else p + "\n" for p in parts)
        )
        write_whole(out / f"{name}.csv", comma_separated(found))


def main_rows(benchmark: Benchmark, cells: Cells) -> list[list[str]]:
    """Return a header and a row a method: published and ours for each set of scenes."""
    found = [["method", *(f"{who}, {_title(s)}" for s in benchmark.sets for who in _WHO)]]
    for method in benchmark.methods:
        row = rows()[method]
        line = [row.label]
        for name in benchmark.sets:
            line += [_published(row, name), _cell(cells.get((method, name)))]
        found.append(line)
    found += _standing_rows(benchmark, _published)
    if benchmark.sets[0].startswith("tight"):
        _add_total(found, benchmark, cells)
    return found


def _add_total(found: list[list[str]], benchmark: Benchmark, cells: Cells) -> None:
    """Add a column for all cases together."""
    found[0] += [f"{who}, all" for who in _WHO]
    named = [(rows()[m], m) for m in benchmark.methods]
    named += [(others()[o], "") for o in benchmark.others]
    for line, (row, method) in zip(found[1:], named, strict=True):
        theirs = [row.targets[s][0] for s in benchmark.sets if s in row.targets]
        ours = [cells[method, s] for s in benchmark.sets if (method, s) in cells]
        is_whole = len(ours) == len(benchmark.sets)
        line.append(f"{sum(theirs) / len(theirs):.1f}" if theirs else _NOTHING)
        line.append(_cell(merged(ours) if is_whole else None) if method else _NOTHING)


def gain_rows(benchmark: Benchmark, cells: Cells) -> list[list[str]]:
    """Return a header and a row a method: GSR with pushes less GSR without, published and ours."""
    found = [["method", *(f"{who}, {_title(s)}" for s in benchmark.sets for who in _WHO)]]
    pairs = [(m, rows()[m]) for m in benchmark.methods if rows()[m].without_pushes]
    for method, row in pairs:
        line = [row.label]
        for name in benchmark.sets:
            one, other = cells.get((method, name)), cells.get((row.without_pushes, name))
            line += [_gain(row, name), difference(one, other)]
        found.append(line)
    return found + _standing_rows(benchmark, _gain)


def _standing_rows(benchmark: Benchmark, figure: Callable[[Row, str], str]) -> list[list[str]]:
    """Return a row for each method that stands as published, with its figure for each set of scenes."""
    return [
        [row.label, *(text for s in benchmark.sets for text in (figure(row, s), _NOTHING))]
        for row in (others()[name] for name in benchmark.others)
    ]


def hard_rows(benchmark: Benchmark, cells: Cells) -> list[list[str]]:
    """Return GSR over the targets that the same grasps do not take without pushes, where methods differ."""
    found = [["method", *map(_title, benchmark.sets)]]
    for method in benchmark.methods:
        row = rows()[method]
        if not row.without_pushes:
            continue
        line = [row.label]
        for name in benchmark.sets:
            one, other = cells.get((method, name)), cells.get((row.without_pushes, name))
            line.append(_TO_COME if one is None or other is None else _hard(one, other))
        found.append(line)
    return found


def difference_rows(benchmark: Benchmark, cells: Cells) -> list[list[str]]:
    """Return by how much GSR of push-grasp is above that of each other method, paired by scenes."""
    found = [["method", *map(_title, benchmark.sets)]]
    for method in benchmark.methods:
        if method in (_OURS, LIMIT):
            continue
        ours = [cells.get((_OURS, s)) for s in benchmark.sets]
        theirs = [cells.get((method, s)) for s in benchmark.sets]
        line = [difference(a, b) for a, b in zip(ours, theirs, strict=True)]
        found.append([rows()[method].label, *line])
    return found


def difference(one: Cell | None, other: Cell | None) -> str:
    """Return the difference of two GSRs in the scenes that both have, with its paired interval [points]."""
    if one is None or other is None:
        return _TO_COME
    ours, theirs = one.by_scene(), other.by_scene()
    both = sorted(set(ours) & set(theirs))
    pair = [rounds_of({k: found[k] for k in both}) for found in (ours, theirs)]
    if pair[0] is None or pair[1] is None:
        return _NOTHING
    points = [100 * v for v in paired_difference(pair[0], pair[1], np.random.default_rng(0))]
    return f"{points[0]:+.1f} [{points[1]:+.1f}, {points[2]:+.1f}]"


def notes(order: Order, benchmark: Benchmark, commits: list[str]) -> str:
    """Return what a reader must know to trust the table; `commits`: those that filled it."""
    c = order.conditions
    kind = benchmark.sets[0].partition("_")[0]
    objects = "blocks of 45 mm" if kind == "tight" else f"objects `{c.objects}`, test split"
    lines = [
        f"Ours: {num_targets(_OURS, benchmark.sets[0], c)} targets a column (published: "
        f"{10 if kind == 'tight' else 1200}), cell `{c.cell}`, networks of size `{c.size}`, {objects}, "
        f"ground-truth masks, commits {', '.join(f'`{k}`' for k in commits)}.",
        "In brackets 95 % intervals: the wider of Wilson and bootstrap over scenes; with several training "
        "seeds over all of them together, with the range of their means. Differences: paired bootstrap over "
        "scenes.",
    ]
    if kind == "clearing":
        lines.append(
            "DR: mean over rounds, bootstrap. A round ends after two failed grasps in a row."
        )
    if kind != "tight":
        numbers = [int(s.partition("_")[2]) for s in benchmark.sets]
        spreads = ", ".join(f"{n}: {1000 * clutter_spread(n):.0f} mm" for n in numbers)
        lines.append(f"Half side of the square that so many objects are dropped over: {spreads}.")
    if LIMIT in benchmark.methods:
        lines.append(
            f"`{rows()[LIMIT].label}`: of up to {MOST_LIMIT_TARGETS} targets of the same scenes; the rest to "
            "100 % is the share of targets that no grasp holds as they lie."
        )
    lines.append(
        "The published figures (`config/benchmarks/push_grasp.yaml`) come from another simulator, other objects "
        "and another gripper: compare the order of the methods, not the numbers."
    )
    return "\n".join(lines) + "\n"


_WHO = ("published", "ours")


def _title(name: str) -> str:
    kind, _, number = name.partition("_")
    return f"case {number}" if kind == "tight" else number


def _published(row: Row, name: str) -> str:
    return " / ".join(f"{v:.1f}" for v in row.targets.get(name, ())) or _NOTHING


def _gain(row: Row, name: str) -> str:
    return f"{row.gain[name]:+.1f}" if name in row.gain else _NOTHING


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return _TO_COME
    first, second = cell.gsr(), cell.second()
    text = _NOTHING if first is None else str(first)
    if second is None:
        return text
    return f"{text} / {second if isinstance(second, Share) else f'{100 * second:.1f}'}"


def _hard(cell: Cell, without: Cell) -> str:
    """Return GSR over the targets that the same training does not take without pushes."""
    missed = without.not_taken()

    def is_hard(seed: int, row: TargetResult) -> bool:
        return (row.scene, row.target) in missed.get(seed, ())

    found = cell.gsr(is_hard)
    return _NOTHING if found is None else f"{found}, {sum(map(len, missed.values()))} targets"
