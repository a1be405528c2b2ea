"""`metrics.csv`: a row an attempt."""

import csv
import dataclasses
import math
import statistics
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from equigrasp.learning.interfaces import StepReport
from equigrasp.replay.experience_log import ExperienceLog

_OPTIONAL = ("loss", "sgd_time")
LOG_NAME = "experience.log"  # beside the metrics
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

    When the file is opened, rows of attempts that the experience log does not hold are dropped, and
    those that it lacks or that are damaged are made anew from the log beside it, without a loss: so
    file and log agree after any crash.

    Args:
        path: The file.
        num_attempts: Attempts in the log.
    """

    def __init__(self, path: Path, num_attempts: int) -> None:
        self._path = path
        self._recent: dict[str, deque[float]] = {
            name: deque(maxlen=WINDOW) for name in ("success", "attempt_time", "idle_time")
        }
        self._newest_step: StepReport | None = None
        known = {int(r["attempt"]): r for r in read_metrics(path)}
        log = path.parent / LOG_NAME
        missing = {}
        if any(number not in known for number in range(num_attempts)) and log.is_file():
            missing = {row.attempt: row for row in rows_of_log(log)}
        rows = []
        for number in range(num_attempts):
            if number in known:
                self._remember(known[number])
                rows.append(known[number])
            elif number in missing:
                rows.append(self._values(missing[number]))
        partial = path.with_suffix(".part")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        partial.replace(path)

    def add_attempt(self, row: AttemptRow) -> None:
        """Append a row; losses are those of the newest SGD step."""
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(self._values(row))

    def _remember(self, row: Mapping[str, float | str]) -> None:
        for key, values in self._recent.items():
            values.append(float(row[key]))

    def _values(self, row: AttemptRow) -> dict[str, str]:
        self._remember(dataclasses.asdict(row))
        success, total, idle = (list(self._recent[k]) for k in self._recent)
        step = self._newest_step
        time = max(sum(total), 1e-9)
        return {
            "time": f"{row.time:.3f}",
            "attempt": str(row.attempt),
            "success": str(row.success),
            "running_success_rate": f"{sum(success) / len(success):.4f}",
            "policy_version": str(row.policy_version),
            "idle_share": f"{sum(idle) / time:.4f}",
            "attempts_per_hour": f"{3600.0 * len(total) / time:.1f}",
            "loss": "" if step is None else f"{step.losses.get('loss', math.nan):.6f}",
            "decision_time": f"{row.decision_time:.4f}",
            "sgd_time": "" if step is None else f"{step.sgd_time:.4f}",
            "attempt_time": f"{row.attempt_time:.4f}",
            "idle_time": f"{row.idle_time:.4f}",
        }

    def add_step(self, report: StepReport) -> None:
        """Remember the newest SGD step."""
        self._newest_step = report


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Return the whole rows of a metrics file; none where it does not exist. Others are left out."""
    if not path.is_file():
        return []
    lines = path.read_bytes().decode("utf-8", errors="replace").replace("\0", "").splitlines()
    header = tuple(lines[0].split(",")) if lines else ()
    names = header if set(COLUMNS) <= set(header) else COLUMNS
    rows = [
        dict(zip(names, line.split(","), strict=False)) for line in lines[1:]
    ]  # none is quoted
    return [row for row in rows if len(row) == len(names) and _is_sound(row)]


def _is_sound(row: dict[str, str]) -> bool:
    """Tell whether a row holds numbers; loss and SGD time may be missing, and the loss anything."""
    try:
        numbers = {c: float(row[c] or "nan") for c in COLUMNS if row[c] or c not in _OPTIONAL}
    except ValueError:
        return False
    is_finite = all(math.isfinite(number) for c, number in numbers.items() if c != "loss")
    return is_finite and row["attempt"].isdigit() and row["attempt"].isascii()


def rows_of_log(path: Path) -> Iterator[AttemptRow]:
    """Yield what an experience log tells of its attempts: of each episode, by its last step."""
    for step, extras in ExperienceLog(path, is_writing=False):
        if not step.is_last:
            continue
        told = {
            name: float(value)
            for name in ("time", "attempt_time", "idle_time", "decision_time")
            if isinstance(value := extras.get(name, 0.0), (int, float))
        }
        version = extras.get("policy_version", 0)
        yield AttemptRow(
            attempt=step.episode,
            success=int(step.reward > 0.0),
            policy_version=version if isinstance(version, int) else 0,
            **{"time": 0.0, "attempt_time": 0.0, "idle_time": 0.0, "decision_time": 0.0} | told,
        )


def seconds_per_attempt(metrics: Path) -> float | None:
    """Return the median wall time [s] between two attempts, or None if there are too few."""
    times = [float(row["time"]) for row in read_metrics(metrics)]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    return statistics.median(gaps[-200:]) if len(gaps) >= 5 else None
