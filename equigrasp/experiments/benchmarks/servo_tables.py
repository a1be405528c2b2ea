"""Tables of QT-Opt, ours beside the published figures, as Markdown and CSV."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from equigrasp.experiments.benchmarks.plan import (
    SCRIPT,
    Piece,
    checkpoints,
    make_plan,
    servo_checkpoint,
)
from equigrasp.experiments.benchmarks.protocol import Benchmark, Order, benchmarks
from equigrasp.experiments.benchmarks.published import Row, others, row
from equigrasp.experiments.benchmarks.results import Share, seeds_in
from equigrasp.experiments.benchmarks.results_folder import commits_in
from equigrasp.experiments.benchmarks.tables import comma_separated, markdown
from equigrasp.experiments.runs.claims import read_json, write_whole
from equigrasp.experiments.statistics import wilson_interval

Results = Mapping[Piece, Mapping[str, Any]]  # what is finished
_NOTHING, _TO_COME = "–", "to come"


def write_servo_tables(order: Order, out: Path) -> None:
    """Write `<benchmark>.md` and `<benchmark>.csv` for each benchmark of the order."""
    whole = replace(order, methods=(), seeds=tuple(sorted({*seeds_in(out), *order.seeds})))
    found = {
        p: values for p in make_plan(whole) if (values := read_json(p.result(out))) is not None
    }
    for name in order.benchmarks:
        benchmark = benchmarks()[name]
        rows = servo_rows(whole, name, found)
        notes = [
            _conditions(order, commits_in(out)),
            *_logs(order, benchmark, found),
            benchmark.note,
        ]
        text = "\n\n".join([f"# {benchmark.title}", markdown(rows).rstrip(), *filter(None, notes)])
        write_whole(out / f"{name}.md", text + "\n")
        write_whole(out / f"{name}.csv", comma_separated(rows))


def servo_rows(order: Order, name: str, found: Results) -> list[list[str]]:
    """Return the table: a header, then a row a method, published figures before ours.

    Args:
        order: Its seeds count; its methods do not.
        name: Of the benchmark.
        found: Results.
    """
    benchmark = benchmarks()[name]
    shares = benchmark.checkpoints
    ours = ["ours"] if len(shares) == 1 else [f"ours, {100 * s:.0f} % of episodes" for s in shares]
    head = ["method", *(f"published, {c}" for c in benchmark.columns), *ours, "transitions"]
    rows = [head]
    for method in benchmark.methods:
        total = checkpoints(order, method)[-1]
        marks = [servo_checkpoint(method, total, s) for s in shares]
        is_trained = row(method).is_trained
        cells = [_cell(found, method, mark if is_trained else 0) for mark in marks]
        count = _transitions(found, method, total) if is_trained else _NOTHING
        rows.append([row(method).label, *_figures(row(method), name, benchmark), *cells, count])
    for other in (others()[o] for o in benchmark.others):
        blank = [_NOTHING] * (len(shares) + 1)
        rows.append([other.label, *_figures(other, name, benchmark), *blank])
    return rows


def _figures(found: Row, name: str, benchmark: Benchmark) -> list[str]:
    figures = [f"{f:g}" for f in found.figures.get(name, ())]
    return figures or [_NOTHING] * len(benchmark.columns)


def _cell(found: Results, method: str, attempts: int) -> str:
    """Return success of a row at a checkpoint over all seeds, with its interval."""
    pieces = [
        values
        for p, values in found.items()
        if (p.kind, p.method, p.attempts) == ("validate", method, attempts)
    ]
    if not pieces:
        return _TO_COME
    successes = sum(int(v["successes"]) for v in pieces)
    episodes = sum(int(v["episodes"]) for v in pieces)
    rates = tuple(float(v["success_rate"]) for v in pieces)
    return str(Share(successes / episodes, *wilson_interval(successes, episodes), rates))


def _transitions(found: Results, method: str, attempts: int) -> str:
    """Return how many transitions a row's trainings learned from, in the mean over seeds."""
    counts = [
        values["transitions"]
        for p, values in found.items()
        if (p.kind, p.method, p.attempts) == ("train", method, attempts)
        and "transitions" in values  # weights that were given do not tell
    ]
    return f"{sum(counts) / len(counts):.0f}" if counts else _NOTHING


def _conditions(order: Order, commits: list[str]) -> str:
    """Return what a reader must know to trust the table; `commits`: those that filled it."""
    c = order.conditions
    return (
        f"Ours: {c.validation_attempts} episodes (published: 700 a checkpoint in simulation, 102 on each of 7 "
        "robots) with frozen weights at the end of a training, or at the shares of it that the columns name, on "
        f"objects that were never seen, in the same scenes for all rows. A training has {order.attempts} episodes, "
        f"fine-tuning a fifth of these. Cell `{c.cell}`, networks of size `{c.size}`, objects `{c.objects}`, commits "
        f"{', '.join(f'`{k}`' for k in commits)}. In brackets 95 % intervals (Wilson) over the episodes of all "
        "seeds. The published figures (`config/benchmarks/qt_opt.yaml`) come from other robots, objects and "
        "cameras: compare the order of the rows, not the numbers."
    )


def _logs(order: Order, benchmark: Benchmark, found: Results) -> list[str]:
    """Return what is known of the logs that some rows learn from, a paragraph each."""
    names = dict.fromkeys(log for method in benchmark.methods for log in row(method).logs)
    amounts = order.conditions.logs
    if not names or amounts is None:
        return []
    lines = [
        f"Of logs: {amounts.transitions} transitions stand for the 300 k of table 9; every row takes "
        f"{amounts.sgd_steps} SGD steps on them before any episode. All seeds learn from the same logs."
    ]
    for name in names:
        log = next((v for p, v in found.items() if (p.kind, p.method) == ("collect", name)), None)
        policy = row(name).collected_by
        source = "scripts" if policy == SCRIPT else "a weak policy that explores"
        text = f"Log of {source}: {_TO_COME}."
        if log is not None:
            text = (
                f"Log of {source}: {log['transitions']} transitions, {log['episodes']} episodes, "
                f"{100 * log['success_rate']:.1f} % of them successful (published: 300 k, 30 %)."
            )
        lines.append(text)
    return lines
