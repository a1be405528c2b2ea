"""Picture strips of targets that were pushed."""

from pathlib import Path

import numpy as np

from equigrasp.experiments.push_grasp.episode_strip import EpisodeStrips
from equigrasp.experiments.push_grasp.target_task import Look, TargetResult
from equigrasp.experiments.runs.pictures import load_picture
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Decision
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation

WORKSPACE = Workspace("table", 0.5, 0.0, 0.0, 0.5, 0.003125, 160)


def _look(action: Push | PlanarGrasp, score: float) -> Look:
    labels = np.zeros((160, 160), np.uint8)
    labels[70:90, 60:80], labels[70:90, 81:95] = 1, 2
    arrays = {HEIGHTMAP: 0.04 * (labels > 0).astype(np.float32), LABELS: labels}
    observation = Observation(arrays, WORKSPACE, goal={TARGET: labels == 1})
    return observation, Decision(action, {}, score)


def _result(target: int, num_pushes: int) -> TargetResult:
    return TargetResult(3, target, True, num_pushes, 1, 0.2, 0.9, 1.0)


def test_only_the_first_pushed_targets_are_drawn(tmp_path: Path) -> None:
    push = _look(Push(0.45, 0.0, 0.02, 0.5, 0.1), 0.21)
    grasp = _look(PlanarGrasp(0.5, -0.03, 0.02, 0.3, 0.08), 0.93)
    strips = EpisodeStrips(tmp_path / "strips", 2)
    strips.draw(_result(1, 0), [grasp])
    assert not (tmp_path / "strips").exists()
    for target in (2, 3, 4):
        strips.draw(_result(target, 1), [push, grasp])
    assert sorted(p.name for p in (tmp_path / "strips").iterdir()) == ["3_2.png", "3_3.png"]
    picture = load_picture(tmp_path / "strips" / "3_2.png")
    left, right = picture[:, : picture.shape[1] // 2], picture[:, picture.shape[1] // 2 :]
    for half in (left, right):
        assert (half == (255, 80, 80)).all(axis=2).any()  # the target's outline
    green = [
        (np.abs(half.astype(int) - (80, 255, 80)) < 30).all(axis=2).sum() for half in (left, right)
    ]
    assert green[0] > 2 * green[1] > 0  # an arrow, and the dot between two fingers
