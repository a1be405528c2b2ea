"""Labels of a script, and weights learned from them alone."""

from pathlib import Path

import numpy as np
import pytest

from equigrasp.cli import main
from equigrasp.errors import ConfigError
from equigrasp.experiments.pretraining import ScriptedLabels, logged_labels, pretrain
from equigrasp.experiments.run_folder import RunFolder
from equigrasp.geometry.angles import angle_distance, bin_to_angle
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.replay.experience_log import ExperienceLog

ARGUMENTS = {"cell": "ur5", "method": "asr_tiny", "objects": "random_urdfs", "split": "train"}
ARGUMENTS |= {"seed": "3"}


@pytest.fixture
def labels() -> ScriptedLabels:
    package, method = load_method("asr_tiny")
    return ScriptedLabels(method, package.make_policy(method, package.make_networks(method, 0)))


def bar(workspace: Workspace, half_width: int) -> Observation:
    """A bar along the columns, 30 mm high and 160 mm long, in the middle of the tray."""
    heightmap = np.zeros((workspace.heightmap_size_px,) * 2, np.float32)
    heightmap[64 - half_width : 65 + half_width, 38:90] = 0.03
    return Observation(heightmap, workspace)


def test_good_grasps_of_a_bar_lie_across_it_and_on_it(
    workspace: Workspace, labels: ScriptedLabels
) -> None:
    drawn = []
    for seed in range(10):
        drawn += labels.draw(bar(workspace, 5), np.random.default_rng(seed))
    n = load_method("asr_tiny")[1].network.num_rotations
    good = [label.pixel for label in drawn if label.is_good]
    bad = [label.pixel for label in drawn if not label.is_good]
    assert len(good) > 5 and len(bad) > len(good)
    for pixel in good:
        assert abs(pixel.row - 64) < 9 and 36 <= pixel.col <= 91
        assert angle_distance(bin_to_angle(pixel.rotation_bin, n), 0.0) < np.pi / 4
    same_place = {(p.row, p.col): p for p in good}
    turned = [p for p in bad if (p.row, p.col) in same_place]
    assert turned and all(p != same_place[p.row, p.col] for p in turned)


def test_nothing_is_good_where_the_fingers_do_not_fit(
    workspace: Workspace, labels: ScriptedLabels
) -> None:
    drawn = labels.draw(bar(workspace, 30), np.random.default_rng(0))
    assert drawn and not any(label.is_good for label in drawn)


@pytest.mark.slow
def test_scenes_are_labelled_learned_and_carried_on(tmp_path: Path) -> None:
    arguments = ARGUMENTS | {"out": str(tmp_path / "run")}
    run = RunFolder(pretrain(arguments, 3, None))
    before = [t for t, _ in ExperienceLog(run.log, is_writing=False)]
    logged = logged_labels(run)
    count, good = len(logged), sum(label.reward for label in logged)
    assert len(before) == count and 0 < good < count
    pretrain(arguments, 5, True)
    after = list(ExperienceLog(run.log, is_writing=False))
    assert len(after) > count
    for old, (new, _) in zip(before, after, strict=False):
        assert np.array_equal(old.heightmap, new.heightmap) and old.reward == new.reward
    assert sorted({extras["scene"] for _, extras in after}) == [0, 1, 2, 3, 4]
    package, method = load_method("asr_tiny")
    policy = package.make_policy(method, package.make_networks(method, 0))
    load_trained_weights(policy, run.newest_weights(), method)
    steps = max(0, len(after) - method.training.first_training_attempt + 1)
    assert policy.version == steps * method.training.steps_per_attempt > 0
    with pytest.raises(ConfigError, match="seed '3', not '4'"):
        pretrain(arguments | {"seed": "4"}, 5, None)


def test_no_scenes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pretrain", "--scenes", "0"])
    assert "must be at least 1, found 0" in capsys.readouterr().err
