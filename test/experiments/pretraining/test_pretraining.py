"""Labels of a script, and weights learned from them alone."""

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from equigrasp.cli.main import main
from equigrasp.config import to_mapping
from equigrasp.environments.open_loop_grasp import observe
from equigrasp.environments.oracle import is_empty
from equigrasp.errors import ConfigError
from equigrasp.experiments.pretraining.pretraining import (
    EmptyingTray,
    logged_labels,
    pretrain,
    seen_by_a_camera,
)
from equigrasp.experiments.pretraining.scripted_labels import Label, ScriptedLabels
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.geometry.angles import angle_distance, bin_to_angle
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import encode_grasp
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.simulation.make import make_simulated_cell

ARGUMENTS = {"cell": "ur5", "method": "asr:tiny", "objects": "random_urdfs", "split": "train"}
ARGUMENTS |= {"seed": "3"}


@pytest.fixture
def labels() -> ScriptedLabels:
    package, method = load_method("asr:tiny")
    return ScriptedLabels(method, package.make_policy(method, package.make_networks(method, 0)))


def bar(workspace: Workspace, half_width: int) -> Observation:
    """A bar along the columns, 30 mm high and 160 mm long, in the middle of the tray."""
    heightmap = np.zeros((workspace.heightmap_size_px,) * 2, np.float32)
    heightmap[64 - half_width : 65 + half_width, 38:90] = 0.03
    return Observation.of_heightmap(heightmap, workspace)


@pytest.mark.slow
def test_good_grasps_of_a_bar_lie_across_it_and_on_it(
    workspace: Workspace, labels: ScriptedLabels
) -> None:
    drawn = []
    for seed in range(10):
        drawn += labels.draw(bar(workspace, 5), bar(workspace, 5), np.random.default_rng(seed))
    n = load_method("asr:tiny")[1].network.num_rotations
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
    drawn = labels.draw(bar(workspace, 30), bar(workspace, 30), np.random.default_rng(0))
    assert drawn and not any(label.is_good for label in drawn)


def test_the_policys_own_choices_come_first_and_bad_ones_with_a_better_yaw(
    workspace: Workspace, labels: ScriptedLabels, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, along = labels._policy, PixelGrasp(64, 64, 4)  # the fingers open along the bar
    choose, modes = policy.choose, []

    def stubborn(seen, context, rng):  # type: ignore[no-untyped-def]
        decision = choose(seen, context, rng)
        modes.append((context.mode, len(context.history)))
        is_own = context.mode == "greedy"
        return dataclasses.replace(decision, encoded=encode_grasp(along)) if is_own else decision

    monkeypatch.setattr(policy, "choose", stubborn)
    drawn = labels.draw(bar(workspace, 5), bar(workspace, 5), np.random.default_rng(0))
    assert [m for m in modes if m[0] == "greedy"] == [("greedy", k) for k in range(4)]
    own = drawn[:8]
    assert own[::2] == [Label(along, False)] * 4
    for label in own[1::2]:
        assert label.is_good and (label.pixel.row, label.pixel.col) == (64, 64)
        assert angle_distance(bin_to_angle(label.pixel.rotation_bin, 8), 0.0) < np.pi / 4


@pytest.mark.slow
def test_a_tray_loses_what_is_chosen_well_and_is_filled_again() -> None:
    with make_simulated_cell("ur5") as simulation:
        world, workspace = simulation.world, simulation.cell.config.workspaces[0]
        tray, rng = EmptyingTray(simulation, "train"), np.random.default_rng(0)
        assert not is_empty(tray.look(rng)) and len(world.objects()) == 15
        taken = world.objects()[4]
        x, y = (float(v) for v in taken.pose.position[:2])
        pixel = PixelGrasp(*workspace.xy_to_pixel(x, y), 0)
        tray.take_away(Label(pixel, True), rng)
        left = [o.handle for o in world.objects()]
        assert len(left) == 14 and taken.handle not in left
        before = len(left)
        for _ in range(20):  # about half of the bad choices take one away
            tray.take_away(Label(pixel, False), rng)
            if not world.objects():
                break
        assert 2 <= before - len(world.objects()) <= 14
        tray.look(rng)
        for thing in world.objects():
            world.remove_object(thing.handle)
        assert not is_empty(tray.look(rng)) and len(world.objects()) == 15


@pytest.mark.slow
def test_scenes_are_learned_as_cameras_see_them_and_now_and_then_as_they_are() -> None:
    with make_simulated_cell("ur5") as simulation:
        workspace = simulation.cell.config.workspaces[0]
        simulation.world.spawn_objects(["cube_1", "can_2"], workspace)
        clean = observe(simulation.cell, workspace)
        seen = [
            seen_by_a_camera(simulation, clean, np.random.default_rng(i)).heightmap
            for i in range(40)
        ]
    is_clean = [np.array_equal(heightmap, clean.heightmap) for heightmap in seen]
    assert 3 <= sum(is_clean) <= 20  # a quarter
    is_top = clean.heightmap > 0.8 * clean.heightmap[16:112, 16:112].max()
    is_floor = clean.heightmap[16:112, 16:112] < 0.001
    for heightmap in (h for h, same in zip(seen, is_clean, strict=True) if not same):
        assert heightmap.min() >= 0.0 and heightmap.shape == (128, 128)
        error = heightmap - clean.heightmap
        assert abs(np.median(error[is_top])) < 0.012  # still where they are
        assert 0.0001 < error[16:112, 16:112][is_floor].std() < 0.006


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
        a, b = old.observation["heightmap"], new.observation["heightmap"]
        assert np.array_equal(a, b) and old.reward == new.reward
    assert sorted({extras["scene"] for _, extras in after}) == [0, 1, 2, 3, 4]
    package, method = load_method("asr:tiny")
    policy = package.make_policy(method, package.make_networks(method, 0))
    load_trained_weights(policy, run.newest_weights(), method)
    steps = max(0, len(after) - method.training.first_training_attempt + 1)
    assert policy.version == steps * method.training.steps_per_attempt > 0
    with pytest.raises(ConfigError, match="seed '3', not '4'"):
        pretrain(arguments | {"seed": "4"}, 5, None)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_publishes(number: int, tmp_path: Path) -> None:
    """Told to end, or its terminal closed."""
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "equigrasp.cli.main", "pretrain", "--method", "asr:tiny"]
    process = subprocess.Popen(
        [*command, "--out", str(run.path)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # also under nohup
    )
    try:
        deadline = time.monotonic() + 120.0
        while not any((run.path / "checkpoints").glob("*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.send_signal(number)
        _, told = process.communicate(timeout=60.0)
    assert process.returncode == 130
    # Whoever closed the terminal reads no more.
    assert number == signal.SIGHUP or "stopped; what was learned is saved" in told
    assert int(run.newest_weights().stem.rpartition("_")[2]) > 0
    assert logged_labels(run)


def test_no_scenes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pretrain", "--scenes", "0"])
    assert "must be at least 1, found 0" in capsys.readouterr().err


def test_a_report_of_labels_says_that_there_is_no_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RunFolder(tmp_path).begin(
        ARGUMENTS | {"labels": "script"}, to_mapping(load_method("asr:tiny")[1]), None
    )
    assert main(["report", str(tmp_path)]) == 2
    assert "holds a heuristic's labels, of which there is no curve" in capsys.readouterr().err
