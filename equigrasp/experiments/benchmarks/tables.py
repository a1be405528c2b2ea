"""Tables of a results folder, ours beside the published figures, as Markdown and CSV."""

import csv
import io
from pathlib import Path

from equigrasp.experiments.benchmarks.plan import ROBOT_SETS, SIMULATION_SET
from equigrasp.experiments.benchmarks.protocol import Benchmark, Order, benchmarks
from equigrasp.experiments.benchmarks.published import label, robot, simulation
from equigrasp.experiments.benchmarks.results import (
    Estimate,
    MethodResults,
    shown_checkpoints,
)
from equigrasp.experiments.benchmarks.results_folder import commits_in
from equigrasp.experiments.rollouts.protocol import EPISODE_ATTEMPTS, NUM_OBJECTS
from equigrasp.experiments.runs.claims import write_whole

WINDOW = 150  # attempts of the running mean (paper, figure 3)
Results = dict[str, MethodResults]


def write_tables(order: Order, out: Path, results: Results) -> None:
    """Write `<benchmark>.md` and `<benchmark>.csv` for each benchmark of the order."""
    for name in order.benchmarks:
        benchmark = benchmarks()[name]
        if benchmark.protocol == "simulation":
            rows = simulation_rows(order, benchmark, results)
        else:
            rows = robot_rows(order, benchmark, results)
        picture = f"\n![curves]({name}.png)\n" if benchmark.protocol == "simulation" else ""
        text = f"# {benchmark.title}\n\n{markdown(rows)}\n{notes(order, commits_in(out))}{picture}"
        write_whole(out / f"{name}.md", text)
        write_whole(out / f"{name}.csv", comma_separated(rows))


def simulation_rows(order: Order, benchmark: Benchmark, results: Results) -> list[list[str]]:
    """Return the table of the simulation protocol: a header, then a row a method."""
    shown = shown_checkpoints(order)
    head = ["method", "published, 450", "published, 1500"]
    head += [f"ours, {c}" for c in shown] + [f"training, last {WINDOW}"]
    rows = [head]
    for method in benchmark.methods:
        found, published = results[method], simulation(method)
        last = found.last_outcomes(min(WINDOW, order.attempts), order.attempts)
        rows.append(
            [label(method, order.conditions.size)]
            + [str(published.get(c, "–")) for c in (450, 1500)]
            + [_cell(found.validation(c, SIMULATION_SET)) for c in shown]
            + [_cell(last)]
        )
    return rows


def robot_rows(order: Order, benchmark: Benchmark, results: Results) -> list[list[str]]:
    """Return the table of the on-robot protocol: a header, then a row a method."""
    head = [
        "method",
        *(f"published, {s}" for s in ROBOT_SETS),
        *(f"ours, {s}" for s in ROBOT_SETS),
    ]
    rows = [head]
    for method in benchmark.methods:
        found, published = results[method], robot(method)
        ours = []
        for objects in ROBOT_SETS:
            keys = [k for k in found.validations if k[1] == objects]
            ours.append(_cell(found.validation(*max(keys)) if keys else None))
        theirs = [str(published.get(s, "–")) for s in ROBOT_SETS]
        rows.append([label(method, order.conditions.size), *theirs, *ours])
    return rows


def markdown(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


def comma_separated(rows: list[list[str]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def notes(order: Order, commits: list[str]) -> str:
    """Return what a reader must know to trust the table; `commits`: those that filled it."""
    c = order.conditions
    lines = [
        f"Success [%], mean ± standard error over seeds. Cell `{c.cell}`, networks of size `{c.size}`, "
        f"objects `{c.objects}`, commits {', '.join(f'`{c}`' for c in commits)}.",
    ]
    if c.protocol == "simulation":
        lines.append(
            f"Ours: {c.validation_attempts} near-greedy attempts on frozen weights at each checkpoint "
            f"(published: 1000), in the same scenes for all methods. One tray of {c.num_objects} objects; an episode "
            f"ends when it is empty or after {EPISODE_ATTEMPTS} attempts."
        )
    else:
        lines.append(
            f"Ours: {c.validation_attempts} near-greedy attempts on frozen weights (published: 100), "
            f"{NUM_OBJECTS} unseen objects, two trays. Easy and hard: the {NUM_OBJECTS} test shapes that "
            "random grasps pick most and least often (`config/benchmarks`). The published ± is the "
            "standard deviation of three runs, not a standard error."
        )
    lines.append(
        "The published figures come from another simulator or a real robot and other objects: "
        "compare the order of the methods, not the numbers."
    )
    return "\n".join(lines) + "\n"


def _cell(found: Estimate | None) -> str:
    return (str(found) if found is not None else "") or "to come"
