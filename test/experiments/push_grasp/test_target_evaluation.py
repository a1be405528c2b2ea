"""The files of an evaluation of targets: each of its own conditions, and of one process at a time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from equigrasp.errors import ConfigError
from equigrasp.experiments.push_grasp import target_evaluation
from equigrasp.experiments.push_grasp.target_evaluation import TargetConditions, evaluate_targets
from equigrasp.experiments.push_grasp.task_scenes import TargetTask
from equigrasp.experiments.runs.claims import claim

CONDITIONS = TargetConditions("push_grasp:tiny", "gantry", "household", TargetTask(num_objects=10))


@pytest.fixture(autouse=True)
def rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a row for each command, in the place of a simulation."""

    def run(
        rows: Path, weights: None, conditions: TargetConditions, count: int, on_target: object
    ) -> dict[str, Any]:
        with rows.open("a", encoding="utf-8") as file:
            file.write(f"{conditions.method}\n")
        return {"targets": rows.read_text(encoding="utf-8").count("\n")}

    monkeypatch.setattr(target_evaluation, "run_targets", run)
    monkeypatch.setattr(target_evaluation, "commit", lambda: "abc123")


def test_other_conditions_and_commits_have_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        CONDITIONS,
        replace(CONDITIONS, method="push_grasp/no_push:tiny"),
        replace(CONDITIONS, cell="ur5_table"),
        replace(CONDITIONS, objects="household+random_urdfs"),
        replace(CONDITIONS, task=replace(CONDITIONS.task, split="train")),
        replace(CONDITIONS, task=replace(CONDITIONS.task, seed=1)),
        replace(CONDITIONS, task=replace(CONDITIONS.task, spread=0.1)),
    ]
    for conditions in others:
        assert evaluate_targets(tmp_path, None, conditions, 1) == {"targets": 1}
    monkeypatch.setattr(target_evaluation, "commit", lambda: "def456")
    evaluate_targets(tmp_path, None, CONDITIONS, 1)
    assert len(list(tmp_path.glob("clutter_10_*.csv"))) == len(others) + 1
    assert evaluate_targets(tmp_path, None, CONDITIONS, 2) == {"targets": 2}  # carries on
    found = [json.loads(p.read_text(encoding="utf-8")) for p in tmp_path.glob("*.json")]
    assert sorted(f["result"]["targets"] for f in found) == [1] * len(others) + [2]
    assert {f["conditions"]["commit"] for f in found} == {"abc123", "def456"}
    pushes = {
        f["conditions"]["method"]: f["conditions"]["configuration"]["acting"]["max_pushes"]
        for f in found
    }
    assert pushes == {"push_grasp:tiny": 5, "push_grasp/no_push:tiny": 0}


def test_two_commands_do_not_write_the_same_rows(tmp_path: Path) -> None:
    evaluate_targets(tmp_path, None, CONDITIONS, 1)
    (lock,) = tmp_path.glob("*.lock")
    with claim(lock) as is_mine, pytest.raises(ConfigError, match="Another process is evaluating"):
        assert is_mine
        evaluate_targets(tmp_path, None, CONDITIONS, 2)
    assert evaluate_targets(tmp_path, None, CONDITIONS, 2) == {"targets": 2}
