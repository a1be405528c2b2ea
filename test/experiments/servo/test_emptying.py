"""Trays that are emptied in closed loop."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from equigrasp.environments.servo_grasp import SceneRules
from equigrasp.environments.servo_script import AimedScript
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import ConfigError
from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.experiments.servo.extent import Emptying
from equigrasp.experiments.servo.script_policy import ScriptPolicy
from equigrasp.experiments.servo.servo_evaluation import ServoProtocol, evaluate_servo
from equigrasp.experiments.servo.servo_folder import ServoFolder

ROW = EpisodeRow(0, 0, 1, "terminated", 7, 0, 0, 0, 0, math.nan, 4.5, 1.5)


def _round(scene: int, outcomes: str, num_objects: int = 28) -> list[EpisodeRow]:
    """Return a round: `o` takes an object, `x` fails."""
    rows = []
    for episode, outcome in enumerate(outcomes):
        num_objects -= outcome == "o"
        success = int(outcome == "o")
        found = replace(ROW, scene=scene, episode=episode, success=success, left=num_objects)
        rows.append(found)
    return rows


def test_a_round_ends_with_an_empty_tray_or_after_thirty_grasps() -> None:
    emptying = Emptying(2)
    first, second = _round(0, "o" * 28), _round(1, "o" * 10 + "x" * 20)
    assert emptying.total == 60
    assert not emptying.is_whole(first) and not emptying.is_whole(first + second[:-1])
    assert emptying.is_whole(first + second)
    facts = emptying.facts(first + second)
    assert (facts["rounds"], facts["emptied"]) == (2, 1)
    assert (facts["first_10"], facts["first_20"]) == (1.0, 0.75)
    assert facts["first_30"] == pytest.approx(38 / 58)  # the emptied round had 28 grasps
    low, high = facts["first_30_interval_95"]
    assert low < 38 / 58 < high


def test_a_round_left_in_its_middle_is_begun_anew(tmp_path: Path) -> None:
    folder = ServoFolder(tmp_path, {"seed": 0}, Emptying(2))
    for row in _round(0, "o" * 28) + _round(1, "ox"):
        folder.add(row)
    again = ServoFolder(tmp_path, {"seed": 0}, Emptying(2))
    assert len(again.rows) == 28 and again.next_scene == 1 and not again.is_whole
    assert again.result()["emptied"] == 1
    with pytest.raises(ConfigError, match="num_rounds must be at least 1, found 0"):
        Emptying(0)


@pytest.mark.slow
def test_a_script_empties_trays(tmp_path: Path) -> None:
    task = ServoTask(max_steps=8)
    emptying = Emptying(2, SceneRules(3, 3, least_objects=1))
    found = evaluate_servo(
        ServoProtocol(),
        task,
        lambda simulation: ScriptPolicy(AimedScript(task)),
        0,
        tmp_path,
        named={"policy": "aimed"},
        emptying=emptying,
    )
    assert found["rounds"] == 2 and found["task"] == "emptying" and found["num_objects"] == 3
    lines = (tmp_path / "servo_evaluation.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    for row in rows:
        taken = sum(int(r["success"]) for r in rows if r["scene"] == row["scene"] and r is not row)
        assert 0 <= int(row["left"]) <= 3 and taken <= 3
    assert len(rows) <= 6 and found["episodes"] == len(rows)
