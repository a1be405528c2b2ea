"""What a campaign tells at its end: figures, what was lost, limits, faults."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from campaign_faults import Outcome

from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.replay.experience_log import ExperienceLog

Told = dict[int, set[tuple[int, int, float]]]  # by attempt: stamp in s and ns, reward


def figures(folder: Path, num_recoveries: int) -> list[str]:
    """Return how fast and how well was learned, from a run folder."""
    rows = read_metrics(folder / "metrics.csv")
    times = np.array([float(r["attempt_time"]) for r in rows])
    idle = np.array([float(r["idle_time"]) for r in rows])
    success = np.array([float(r["success"]) for r in rows])
    return [
        f"{len(rows)} attempts, {3600 * len(rows) / times.sum():.0f} an hour at real time; "
        f"success {100 * success.mean():.0f} %, of the last 30 {100 * success[-30:].mean():.0f} %.",
        f"Arm and fingers at rest {100 * idle.sum() / times.sum():.1f} % of the time "
        f"(median attempt {np.median(times):.2f} s, at rest {np.median(idle):.2f} s).",
        f"Recoveries by the operator, beside those that a fault called for: {num_recoveries}.",
    ]


def losses(folder: Path, told: Told, status: Any) -> list[str]:
    """Return what became of the attempts that the collector told of, in the log and the counters.

    Args:
        folder: Run folder.
        told: Attempts as they were heard on `experience`.
        status: The learner's last `LearnerStatus`.
    """
    log = ExperienceLog(folder / "experience.log", is_writing=False)
    logged = {step.index: float(step.reward) for step, _ in log}
    is_ordered = [t.attempt for t, _ in log] == list(range(len(log)))
    num_rows = len(read_metrics(folder / "metrics.csv"))
    lost = sorted(set(told) - set(logged))
    unheard = sorted(set(logged) - set(told))
    changed = [a for a, r in logged.items() if a in told and r not in {t[2] for t in told[a]}]
    twice = sorted(a for a, messages in told.items() if len(messages) > 1)
    successes = int(sum(logged.values()))
    return [
        f"Attempts heard on `experience`: {len(told)}; in the log: {len(logged)}, numbered without a "
        f"gap and in order: {is_ordered}.",
        f"Heard and not in the log: {lost or 'none'}; in the log and never heard: "
        f"{unheard or 'none'}; with another outcome: {changed or 'none'}; numbers given to two "
        f"attempts, of which the log has one: {twice or 'none'}.",
        f"Rows of `metrics.csv`: {num_rows}. The learner's counters: {status.num_attempts} attempts, "
        f"{status.num_successes} successes; the log's: {len(logged)} and {successes}.",
    ]


def limits(rows: Sequence[dict[str, Any]], rate: float) -> list[str]:
    """Return the table of the virtual controller's own record of motion."""
    lines = [
        f"How the arm truly moved, at {rate:.0f} Hz, as the virtual controller recorded it:",
        "",
        "| quantity | limit | nearest to it | where | samples | beyond |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {r['quantity']} | {r['limit']:.3g} | {r['extreme']:.3g} | {r['where']} "
        f"| {r['num_samples']} | {r['num_beyond']} |"
        for r in rows
    ]


def shares(cpu: dict[str, float]) -> list[str]:
    """Return the table of what each process took of a core."""
    lines = ["| process | share of a core |", "|---|---|"]
    return lines + [f"| {name} | {100 * share:.0f} % |" for name, share in cpu.items()]


def faults(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of the faults, by kind."""
    lines = [
        "| fault | caused | went on | tries lost | operator | two more attempts after [s] | what was said |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, count in Counter(o.fault for o in outcomes).items():
        own = [o for o in outcomes if o.fault == name]
        said = next((o.message for o in own if o.message), "–").replace("|", "/")
        lines.append(
            f"| {name} | {count} | {sum(o.went_on for o in own)} | {sum(o.num_lost for o in own)} "
            f"| {sum(o.num_recoveries for o in own)} | {max(o.time_to_go_on for o in own):.0f} "
            f"| {said} |"
        )
    return lines


def write_faults(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write every fault as a line of CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Outcome)])
        writer.writeheader()
        writer.writerows(asdict(outcome) for outcome in outcomes)
