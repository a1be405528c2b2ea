"""RAD and DrQ: minibatches that are augmented afresh, each step in its own way."""

from pathlib import Path

import pytest
import torch
from test_logged_trainer import make_transition

from equigrasp.config import override
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.learning.grasping.grasp_step import grasp_of
from equigrasp.methods.registry import load_method

WORKSPACE = Workspace("left", 0.45, 0.21)

NUM_ATTEMPTS = 22  # call for three steps


def _batches(
    folder: Path,
    num_views: int,
    monkeypatch: pytest.MonkeyPatch,
    num_attempts: int = NUM_ATTEMPTS,
    **training: int,
) -> list[GraspBatch]:
    package, config = load_method("asr:tiny")
    training = {"num_views": num_views, "num_copies": 0} | training
    config = override(config, {f"training.{k}": str(v) for k, v in training.items()})
    learner = package.make_trainer(config, folder, 3, WORKSPACE)
    batches: list[GraspBatch] = []

    def keep(batch: GraspBatch, seed: int) -> dict[str, float]:
        batches.append(batch)
        return {"loss": 0.0}

    monkeypatch.setattr(learner.learner, "train_step", keep)
    for attempt in range(num_attempts):
        learner.add(make_transition(attempt), {})
    learner.train_pending(10)
    return batches


def test_without_views_minibatches_hold_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _batches(tmp_path, 0, monkeypatch)[0]
    stored = [make_transition(i) for i in range(NUM_ATTEMPTS)]
    grasps = [grasp_of(step) for step in stored]
    pixels = {(g.row, g.col, g.rotation_bin) for g in grasps}
    found = zip(
        batch.rows.tolist(), batch.cols.tolist(), batch.rotation_bins.tolist(), strict=True
    )
    assert set(found) <= pixels and batch.num_views == 1


@pytest.mark.parametrize("num_views", [1, 2])
def test_views_are_of_the_same_attempts_and_differ(
    num_views: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _batches(tmp_path / "plain", 0, monkeypatch)
    fresh = _batches(tmp_path / "fresh", num_views, monkeypatch)
    for before, after in zip(plain, fresh, strict=True):
        assert after.num_views == num_views and len(after.rewards) == 8 * num_views
        assert torch.equal(after.rewards, before.rewards.repeat(num_views))
        pixels = torch.arange(8 * num_views), 0, after.rows, after.cols
        assert float(after.heightmaps[pixels].min()) > 0.04  # on the block that was grasped
        views = after.heightmaps.unflatten(0, (num_views, 8))
        assert not any(torch.equal(v, before.heightmaps) for v in views)
    if num_views == 2:
        assert not torch.equal(*fresh[0].heightmaps.chunk(2))


def test_views_depend_on_seed_and_step_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _batches(tmp_path / "a", 2, monkeypatch, num_copies=8)
    again = _batches(tmp_path / "b", 2, monkeypatch, num_copies=8)
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.heightmaps, two.heightmaps) and torch.equal(one.rows, two.rows)
    # One attempt, many steps: nothing but the view can differ.
    steps = {"first_training_attempt": 1, "steps_per_attempt": 3}
    single = _batches(tmp_path / "c", 1, monkeypatch, 1, **steps)
    assert len(single) == 3
    assert len({view.numpy().tobytes() for b in single for view in b.heightmaps}) == 3 * 8
