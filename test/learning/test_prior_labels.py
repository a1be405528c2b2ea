"""Minibatches that hold labels of a script beside the run's own attempts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_logged_trainer import make_transition

from equigrasp.config import override
from equigrasp.errors import ConfigError, ReplayError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.learning.grasping.grasp_step import grasp_step
from equigrasp.learning.grasping.labels import write_labels
from equigrasp.learning.logged_trainer import LoggedTrainer
from equigrasp.methods.registry import load_method

WORKSPACE = Workspace("left", 0.45, 0.21)

NUM_ATTEMPTS = 24
SLOTS = {"num_prior_slots": "3", "num_failure_slots": "2", "num_copies": "0"}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "script.labels.npz"
    heightmap = np.full((128, 128), 777, np.uint16)  # of no attempt
    write_labels(path, [grasp_step(heightmap, 64, 64, i, 1.0, i) for i in range(8)], 8)
    return path


def open_learner(folder: Path, labels: Path | None, **training: str) -> LoggedTrainer:
    package, config = load_method("asr:tiny")
    keys = SLOTS | training | ({"prior_labels": str(labels)} if labels else {})
    config = override(config, {f"training.{k}": v for k, v in keys.items()})
    return package.make_trainer(config, folder, 3, WORKSPACE)


def learn(learner: LoggedTrainer) -> dict[str, torch.Tensor]:
    for attempt in range(NUM_ATTEMPTS):
        learner.add(make_transition(attempt), {})
    learner.train_pending(100)
    state = learner.learner.modules["q1"].state_dict()
    return {k: v.clone() for k, v in state.items()}


def test_labels_have_their_slots_and_attempts_the_others(
    tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = open_learner(tmp_path / "run", labels)
    batches: list[GraspBatch] = []

    def keep(batch: GraspBatch, seed: int) -> dict[str, float]:
        batches.append(batch)
        return {}

    monkeypatch.setattr(learner.learner, "train_step", keep)
    learn(learner)
    assert len(batches) == NUM_ATTEMPTS - 19
    for number, batch in enumerate(batches):
        is_label = np.isclose(batch.heightmaps[:, 0, 0, 0].numpy(), 0.0777)
        assert is_label.tolist() == [False] * 5 + [True] * 3
        newest = make_transition(19 + number)
        if newest.reward == 0.0:  # its own slots are the last of the attempts'
            assert batch.rows[3:5].tolist() == [int(newest.action["row"])] * 2


def test_labels_change_what_is_learned_and_reopening_does_not(
    tmp_path: Path, labels: Path
) -> None:
    with_labels = learn(open_learner(tmp_path / "a", labels))
    without = learn(open_learner(tmp_path / "b", None))
    assert any(not torch.equal(with_labels[k], without[k]) for k in without)
    first = open_learner(tmp_path / "c", labels)
    for attempt in range(21):
        first.add(make_transition(attempt), {})
    first.train_pending(1)
    first.close()
    again = learn(open_learner(tmp_path / "c", labels))
    assert all(torch.equal(again[k], with_labels[k]) for k in again)


def test_bad_labels_and_slots_are_refused(tmp_path: Path, labels: Path) -> None:
    with pytest.raises(ConfigError, match="Unknown labels 'nobody'"):
        open_learner(tmp_path / "a", Path("nobody"))
    with pytest.raises(ConfigError, match="num_prior_slots 8 leaves 0 slots"):
        open_learner(tmp_path / "b", labels, num_prior_slots="8")
    with pytest.raises(ConfigError, match="num_prior_slots 7 leaves 1 slots"):
        open_learner(tmp_path / "c", labels, num_prior_slots="7")
    small = tmp_path / "small.labels.npz"
    heightmap = np.zeros((64, 64), np.uint16)
    write_labels(small, [grasp_step(heightmap, 30, 30, 0, 1.0, 0)], 8)
    with pytest.raises(ReplayError, match="small.labels.npz: holds heightmaps of 64 px"):
        open_learner(tmp_path / "d", small)
