"""`metrics.csv`: a row an attempt."""

import csv
import dataclasses
import math
import statistics
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from equigrasp.learning.interfaces import StepReport

WINDOW = 50  # attempts in running figures


@dataclass(frozen=True)
class AttemptRow:
    """What is known when an attempt ends.

    Args:
        time: When it was recorded [s since 1970].
        attempt: Number in the run, from 0.
        success: 1 or 0.
        policy_version: SGD steps behind the weights that chose.
        attempt_time: From the start of this attempt to its end [s, robot clock].
        idle_time: Part of it in which the arm stood still [s, robot clock].
        decision_time: Time that the choice took [s, wall clock].
    """

    time: float
    attempt: int
    success: int
    policy_version: int
    attempt_time: float
    idle_time: float
    decision_time: float

    def extras(self) -> dict[str, float | int | str]:
        """Return all fields but the attempt's number and outcome, for the experience log."""
        values = dataclasses.asdict(self)
        del values["attempt"], values["success"]
        return values


COLUMNS = (
    "time",
    "attempt",
    "success",
    "running_success_rate",
    "policy_version",
    "idle_share",
    "attempts_per_hour",
    "loss",
    "decision_time",
    "sgd_time",
    "attempt_time",
    "idle_time",
)


class MetricsFile:
    """Writes a row as each attempt's last SGD step is done (or at once where it calls for none).

    Rows of attempts that the experience log does not hold are dropped when the file is opened, so
    file and log agree after any crash.

    Args:
        path: The file.
        num_attempts: Attempts in the log.
    """

    def __init__(self, path: Path, num_attempts: int) -> None:
        self._path = path
        rows = [r for r in read_metrics(path) if int(r["attempt"]) < num_attempts]
        self._recent = {
            "success": deque((float(r["success"]) for r in rows), maxlen=WINDOW),
            "attempt_time": deque((float(r["attempt_time"]) for r in rows), maxlen=WINDOW),
            "idle_time": deque((float(r["idle_time"]) for r in rows), maxlen=WINDOW),
        }
        self._newest_step: StepReport | None = None
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def add_attempt(self, row: AttemptRow) -> None:
        """Append a row; losses are those of the newest SGD step."""
        for key, values in self._recent.items():
            values.append(float(getattr(row, key)))
        success, total, idle = (list(self._recent[k]) for k in self._recent)
        step = self._newest_step
        time = max(sum(total), 1e-9)
        values_out = {
            "time": f"{row.time:.3f}",
            "attempt": row.attempt,
            "success": row.success,
            "running_success_rate": f"{sum(success) / len(success):.4f}",
            "policy_version": row.policy_version,
            "idle_share": f"{sum(idle) / time:.4f}",
            "attempts_per_hour": f"{3600.0 * len(total) / time:.1f}",
            "loss": "" if step is None else f"{step.losses.get('loss', math.nan):.6f}",
            "decision_time": f"{row.decision_time:.4f}",
            "sgd_time": "" if step is None else f"{step.sgd_time:.4f}",
            "attempt_time": f"{row.attempt_time:.4f}",
            "idle_time": f"{row.idle_time:.4f}",
        }
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(values_out)

    def add_step(self, report: StepReport) -> None:
        """Remember the newest SGD step."""
        self._newest_step = report


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Return the whole rows of a metrics file; none where it does not exist."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        r for r in rows if all(r.get(c) is not None for c in COLUMNS) and r["attempt"].isdigit()
    ]


def seconds_per_attempt(metrics: Path) -> float | None:
    """Return the median wall time [s] between two attempts, or None if there are too few."""
    times = [float(row["time"]) for row in read_metrics(metrics)]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    return statistics.median(gaps[-200:]) if len(gaps) >= 5 else None
