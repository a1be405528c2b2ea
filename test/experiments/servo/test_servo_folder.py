"""Files of an evaluation in closed loop."""

import json
import math
from pathlib import Path

import pytest

from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.experiments.servo.extent import Episodes
from equigrasp.experiments.servo.servo_folder import ServoFolder

_CONDITIONS = {"policy": "aimed", "seed": 0, "noise": 0.3}


def _row(scene: int, episode: int, success: int = 1) -> EpisodeRow:
    return EpisodeRow(scene, episode, success, "terminated", 7, 1, 2, 0, 0, math.nan, 4.5, 1.5)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Three episodes of scene 0, two of scene 1."""
    folder = ServoFolder(tmp_path, _CONDITIONS, Episodes(10))
    for scene, episode in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        folder.add(_row(scene, episode, success=int(episode != 1)))
    return tmp_path


def test_results_count_what_was_recorded(filled: Path) -> None:
    found = json.loads((filled / "servo_evaluation.json").read_text())
    assert (found["episodes"], found["successes"], found["policy"]) == (5, 3, "aimed")
    assert found["success_rate"] == pytest.approx(0.6)
    low, high = found["interval_95"]
    assert low < 0.6 < high
    assert found["ended_by"] == {"terminated": 5} and found["steps"] == 7.0


def test_a_scene_left_in_its_middle_is_evaluated_again(filled: Path) -> None:
    folder = ServoFolder(filled, _CONDITIONS, Episodes(10))
    assert folder.next_scene == 1
    assert [(row.scene, row.episode) for row in folder.rows] == [(0, 0), (0, 1), (0, 2)]
    assert folder.rows[0].duration == 4.5 and math.isnan(folder.rows[0].value)


def test_what_is_whole_is_left_as_it_is(filled: Path) -> None:
    before = (filled / "servo_evaluation.csv").read_text()
    assert len(ServoFolder(filled, _CONDITIONS, Episodes(5)).rows) == 5
    assert (filled / "servo_evaluation.csv").read_text() == before


def test_under_other_conditions_all_begins_anew(filled: Path) -> None:
    folder = ServoFolder(filled, {**_CONDITIONS, "seed": 1}, Episodes(10))
    assert folder.rows == [] and folder.next_scene == 0
    assert folder.result() == {"episodes": 0, **_CONDITIONS, "seed": 1}


def test_a_torn_row_is_dropped(filled: Path) -> None:
    path = filled / "servo_evaluation.csv"
    path.write_text(path.read_text() + "2,0,1,term")
    assert len(ServoFolder(filled, _CONDITIONS, Episodes(5)).rows) == 5
