"""The files of an evaluation in closed loop: conditions, and a row an episode."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from equigrasp.experiments.runs.claims import read_json, write_json
from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.experiments.servo.extent import Extent
from equigrasp.experiments.statistics import wilson_interval

_COLUMNS = tuple(field.name for field in fields(EpisodeRow))


class ServoFolder:
    """`servo_evaluation.json` and `.csv`; begins anew under other conditions.

    A scene that was left in its middle is evaluated again: what lay where is not kept.

    Args:
        path: The folder.
        conditions: What must be equal to carry on what lies there.
        extent: What is wanted; what is whole is left as it is.
    """

    def __init__(self, path: Path, conditions: Mapping[str, Any], extent: Extent) -> None:
        self._conditions, self._extent = dict(conditions), extent
        self._result, self._csv = path / "servo_evaluation.json", path / "servo_evaluation.csv"
        before = read_json(self._result) or {}
        is_same = all(before.get(key) == value for key, value in self._conditions.items())
        rows = _read(self._csv) if is_same else []
        self.next_scene = rows[-1].scene if rows else 0
        is_whole = extent.is_whole(rows)
        self.rows = [row for row in rows if is_whole or row.scene < self.next_scene]
        path.mkdir(parents=True, exist_ok=True)
        self._csv.write_text(_text(self.rows, has_head=True), encoding="utf-8")
        write_json(self._result, self.result())

    def add(self, row: EpisodeRow) -> None:
        """Record an episode."""
        self.rows.append(row)
        with self._csv.open("a", encoding="utf-8") as file:
            file.write(_text([row]))
        write_json(self._result, self.result())

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is missing."""
        return self._extent.is_whole(self.rows)

    def result(self) -> dict[str, Any]:
        """Return counts, rates and conditions, which is what `servo_evaluation.json` holds."""
        rows, count = self.rows, len(self.rows)
        if not count:
            return {"episodes": 0} | self._conditions
        successes = sum(row.success for row in rows)
        return {
            "episodes": count,
            "successes": successes,
            "success_rate": successes / count,
            "interval_95": wilson_interval(successes, count),
            "steps": sum(row.steps for row in rows) / count,
            "contacts": sum(row.contacts for row in rows) / count,
            "shortened": sum(row.shortened for row in rows) / count,
            "disturbed": sum(row.disturbed for row in rows),
            "disagreeing": sum(row.disagreeing for row in rows),
            "duration": sum(row.duration for row in rows) / count,
            "ended_by": dict(Counter(row.ended_by for row in rows)),
            **self._extent.facts(rows),
        } | self._conditions


def _read(path: Path) -> list[EpisodeRow]:
    """Return the whole rows of a file; none where there is no such file."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]  # a crash may tear the last one
    kinds = {field.name: field.type for field in fields(EpisodeRow)}
    return [
        EpisodeRow(**{key: kinds[key](value) for key, value in row.items()})  # type: ignore[operator]
        for row in csv.DictReader(io.StringIO(whole))
    ]


def _text(rows: list[EpisodeRow], has_head: bool = False) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    if has_head:
        writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
