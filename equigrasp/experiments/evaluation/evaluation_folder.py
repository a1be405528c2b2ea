"""The files of an evaluation: conditions, a row an attempt, pictures of what went wrong."""

import csv
import io
import shutil
from pathlib import Path
from typing import Any

from equigrasp.experiments.rollouts.loop import LoopStep
from equigrasp.experiments.runs.claims import read_json, write_json
from equigrasp.experiments.runs.pictures import draw_action, save_picture
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.grasping.grasp_step import decode_grasp
from equigrasp.learning.method_names import name_from_file

COLUMNS = (
    "attempt",
    "success",
    "object",
    "q_value",
    "row",
    "col",
    "theta",
    "finger_width",
    "refused",
    "seconds",
)


class EvaluationFolder:
    """`evaluation.json`, `evaluation.csv` and `failures/`; begins anew under other conditions.

    Args:
        path: The folder.
        conditions: What must be equal to carry on what lies there: weights, objects, seed …
    """

    def __init__(self, path: Path, conditions: dict[str, str]) -> None:
        self.path, self._conditions = path, conditions
        self.scene = path / "evaluation.scene.json"
        self._result, self._csv = path / "evaluation.json", path / "evaluation.csv"
        before = read_json(self._result) or {}
        if "method" in before:
            before["method"] = name_from_file(before["method"])
        is_same = all(before.get(key) == value for key, value in conditions.items())
        self.rows = read_attempts(path) if is_same else []
        if not self.rows:
            shutil.rmtree(path / "failures", ignore_errors=True)
            for old in (self.scene, self._result):
                old.unlink(missing_ok=True)
        path.mkdir(parents=True, exist_ok=True)
        self._csv.write_text(_csv_text(self.rows, has_head=True), encoding="utf-8")

    def add(self, attempt: LoopStep[PlanarGrasp], name: str, refused: int, seconds: float) -> None:
        """Record an attempt.

        Args:
            attempt: What was done.
            name: The object that it aimed at.
            refused: Grasps before it that the planner refused.
            seconds: That all of it took, wall clock.
        """
        decision, number = attempt.decision, len(self.rows)
        pixel = decode_grasp(decision.encoded)
        row = {
            "attempt": f"{number}",
            "success": f"{int(attempt.result.outcome.is_success)}",
            "object": name,
            "q_value": f"{decision.value:.4f}",
            "row": f"{pixel.row}",
            "col": f"{pixel.col}",
            "theta": f"{decision.action.theta:.4f}",
            "finger_width": f"{attempt.result.outcome.finger_width:.4f}",
            "refused": f"{refused}",
            "seconds": f"{seconds:.2f}",
        }
        if not attempt.result.outcome.is_success:
            caption = f"{name}, P {decision.value:.2f}"
            picture = draw_action(attempt.observation, decision, caption)
            save_picture(failure_picture(self.path, number), picture)
        self.rows.append(row)
        with self._csv.open("a", encoding="utf-8") as file:
            file.write(_csv_text([row]))
        write_json(self._result, self.result())

    def result(self) -> dict[str, Any]:
        """Return counts and conditions, which is what `evaluation.json` holds."""
        attempts, successes = len(self.rows), sum(int(row["success"]) for row in self.rows)
        return {
            "attempts": attempts,
            "successes": successes,
            "success_rate": successes / attempts,
            "interval_95": wilson_interval(successes, attempts),
            "refused": sum(int(row["refused"]) for row in self.rows),
        } | self._conditions


def read_attempts(folder: Path) -> list[dict[str, str]]:
    """Return the whole rows of an `evaluation.csv`, as strings; none where there is no such file."""
    path = folder / "evaluation.csv"
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]  # a crash may tear the last one
    return list(csv.DictReader(io.StringIO(whole)))


def failure_picture(folder: Path, number: int) -> Path:
    """Return where the picture of a failed attempt lies."""
    return folder / "failures" / f"{number:05d}.png"


def _csv_text(rows: list[dict[str, str]], has_head: bool = False) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if has_head:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
