"""The stages of push-grasp's training: arithmetic, rewards, and carrying on after a stop."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from equigrasp.errors import ConfigError, WeightsError
from equigrasp.experiments.push_grasp import push_learning
from equigrasp.experiments.push_grasp.calibration import area_under_curve, reliability
from equigrasp.experiments.push_grasp.grasp_labels import (
    LabelPlan,
    draw_grasps,
    scene_path,
    targets_of,
)
from equigrasp.experiments.push_grasp.grasp_training import Stage, run_stage
from equigrasp.experiments.push_grasp.imagination import GraspImagination
from equigrasp.experiments.push_grasp.label_workers import LabelJob, collect_all
from equigrasp.experiments.push_grasp.pretraining import Amounts, pretrain, share_simulated
from equigrasp.experiments.push_grasp.push_reward import LOST
from equigrasp.geometry.actions import PixelGrasp, PixelPush, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.logged_trainer import LoggedTrainer
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.push_grasp.config import StageConfig, TrainingConfig
from equigrasp.methods.push_grasp.decision_step import decode_action
from equigrasp.methods.push_grasp.rule import make_push_rule, make_rule
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import HEIGHTMAP, LABELS, Observation
from equigrasp.replay.grasp_scenes import GraspOutcomeKind, GraspScene

TABLE = Workspace("table", 0.45, -0.1, ceiling_z=0.35, heightmap_size_px=160, action_size_px=128)


def test_the_threshold_is_the_smallest_that_is_good_enough() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    found = reliability(scores, np.array([1, 1, 1, 0, 0, 1.0]))
    assert found.threshold == pytest.approx(0.65) and found.precision == 1.0
    assert found.share == pytest.approx(0.5) and found.success == pytest.approx(4 / 6)
    assert found.area == pytest.approx((3 * 2 + 0) / (4 * 2))
    never = reliability(scores, np.array([0, 1, 1, 0, 0, 0.0]))
    assert never.precision == pytest.approx(2 / 3) and never.threshold == pytest.approx(0.65)
    assert np.isnan(area_under_curve(scores, np.ones(6)))


class _Net(torch.nn.Linear):
    """One number."""

    def __init__(self) -> None:
        super().__init__(1, 1)


def _pass(
    network: torch.nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator
) -> Iterator[float]:
    for _ in range(3):
        x = torch.tensor([[float(rng.random())]])
        loss = (network(x) - 2.0 * x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


def test_a_stage_that_is_stopped_ends_as_one_that_is_not(tmp_path: Path) -> None:
    stage = Stage("net", StageConfig(num_epochs=6, learning_rate=0.1), seed=3)
    torch.manual_seed(0)
    first = _Net().state_dict()

    def begun() -> _Net:
        network = _Net()
        network.load_state_dict(first)
        return network

    whole = begun()
    (tmp_path / "a").mkdir()
    losses = run_stage(stage, whole, _pass, tmp_path / "a")
    stopped, calls = begun(), 0

    def failing(*args: Any) -> Iterator[float]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        yield from _pass(*args)

    (tmp_path / "b").mkdir()
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, stopped, failing, tmp_path / "b")
    again = begun()
    assert run_stage(stage, again, _pass, tmp_path / "b") == losses
    assert torch.equal(whole.weight, again.weight) and torch.equal(whole.bias, again.bias)
    with pytest.raises(WeightsError, match="of seed 3, not of seed 4"):
        run_stage(Stage("net", stage.config, seed=4), begun(), _pass, tmp_path / "b")
    (tmp_path / "b" / "net.safetensors").write_bytes(b"rubbish")
    with pytest.raises(WeightsError, match=r"net\.safetensors"):
        run_stage(stage, begun(), _pass, tmp_path / "b")


def _scene(visible: int = 1) -> Observation:
    heightmap = np.zeros((160, 160), np.float32)
    labels = np.zeros((160, 160), np.uint8)
    heightmap[70:95, 78:84], labels[70:95, 78:84] = 0.03, 1
    if visible > 1:
        heightmap[100:103, 80:83], labels[100:103, 80:83] = 0.03, 2  # 9 px
    return Observation({HEIGHTMAP: heightmap, LABELS: labels}, TABLE)


def test_targets_are_what_shows_enough_of_itself() -> None:
    assert targets_of(_scene(2)) == [1]
    assert targets_of(_scene(2), min_px=5) == [1, 2]


def test_grasps_to_label_are_good_ones_near_misses_and_random_ones() -> None:
    rule = make_rule(load_method("push_grasp:tiny")[1])
    drawn = draw_grasps(_scene(), 1, rule, LabelPlan(), np.random.default_rng(0))
    assert len(drawn) == 8
    best = drawn[:3]
    for grasp in best:  # across the bar, whose long side lies along rows
        assert min(abs(grasp.rotation_bin - 9) % 18, 18 - abs(grasp.rotation_bin - 9)) <= 3
    assert len({(g.row, g.col, g.rotation_bin) for g in best}) == 3


class _ScriptedTrials:
    """A target that can be held after so many pushes, and is lost after so many."""

    def __init__(self, needed: int, lost_after: int = 99) -> None:
        self.workspace = TABLE
        self._needed, self._lost = needed, lost_after
        self.pushes = 0
        self.states: list[int] = []

    def kept(self) -> Any:
        import contextlib

        self.states.append(self.pushes)
        return contextlib.nullcontext(len(self.states) - 1)

    def look(self) -> tuple[Observation, dict[int, int]]:
        seen = _scene()
        if self.pushes >= self._lost:
            seen.arrays[LABELS][:] = 0
        return seen, {1: 7}

    def grasp(
        self, state: int, observation: Observation, pixel: PixelGrasp, target: int
    ) -> GraspOutcomeKind:
        assert target == 7
        held = self.states[state] >= self._needed
        return GraspOutcomeKind.TARGET if held else GraspOutcomeKind.OTHERS

    def push(self, state: int, observation: Observation, pixel: PixelPush, rule: object) -> bool:
        self.pushes = self.states[state] + 1
        return True


class _ScriptedPolicy:
    """Scores by the number of times it was asked."""

    def __init__(self, scores: list[float]) -> None:
        self._scores = iter(scores)
        self.push_rule = make_push_rule(load_method("push_grasp:tiny")[1])
        self.num_random, self.num_idle = 0, list[int]()

    def rate(self, observation: Observation, target: np.ndarray) -> Any:
        from types import SimpleNamespace

        score = next(self._scores)
        return SimpleNamespace(grasps=[PixelGrasp(80, 80, 9)], scores=np.array([score]))

    def choose_push(
        self, observation: Observation, target: np.ndarray, idle: Sequence[Push]
    ) -> PixelPush:
        self.num_idle.append(len(idle))
        return PixelPush(75, 90, 4)

    def random_push(self, *args: Any) -> PixelPush:
        self.num_random += 1
        return PixelPush(76, 91, 5)


def _imagine(trials: _ScriptedTrials, policy: _ScriptedPolicy, epsilon: float = 0.0) -> list[Any]:
    imagination = GraspImagination(trials, policy, 5, TrainingConfig())  # type: ignore[arg-type]
    steps = imagination.run(epsilon, np.random.default_rng(0))
    return [(type(decode_action(s.action)).__name__, s.reward) for s in steps]


def test_a_grasp_that_holds_needs_no_push() -> None:
    assert _imagine(_ScriptedTrials(0), _ScriptedPolicy([0.4])) == [("PixelGrasp", 1.0)]


def test_a_push_earns_the_gain_in_score_and_at_last_the_success() -> None:
    policy = _ScriptedPolicy([0.2, 0.5, 0.4])
    found = _imagine(_ScriptedTrials(2), policy)
    assert policy.num_idle == [0, 1]  # pushes that moved nothing are not chosen again
    assert found == [
        ("PixelGrasp", 0.0),
        ("PixelPush", pytest.approx(0.3)),
        ("PixelGrasp", 0.0),
        ("PixelPush", 1.0),
        ("PixelGrasp", 1.0),
    ]


def test_a_judge_scores_in_the_place_of_the_policy() -> None:
    class Judge:
        scores = iter([0.6, 0.7])

        def score(self, observation: Observation, target: np.ndarray, grasp: PixelGrasp) -> float:
            assert target.sum() == 150 and grasp == PixelGrasp(80, 80, 9)
            return next(self.scores)

    trials, policy = _ScriptedTrials(9), _ScriptedPolicy([0.2, 0.9])
    imagination = GraspImagination(trials, policy, 1, TrainingConfig(), Judge())  # type: ignore[arg-type]
    rewards = [s.reward for s in imagination.run(0.0, np.random.default_rng(0))]
    assert rewards == [0.0, pytest.approx(0.1), 0.0]
    training = TrainingConfig(reward="sparse")
    trials, policy = _ScriptedTrials(2), _ScriptedPolicy([0.2, 0.9, 0.9])
    sparse = GraspImagination(trials, policy, 5, training)  # type: ignore[arg-type]
    rewards = [s.reward for s in sparse.run(0.0, np.random.default_rng(0))]
    assert rewards == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_a_lost_target_ends_the_episode_at_once() -> None:
    found = _imagine(_ScriptedTrials(9, lost_after=2), _ScriptedPolicy([0.2, 0.1, 0.9]))
    assert [r for k, r in found if k == "PixelPush"] == [pytest.approx(-0.1), LOST]
    assert found[-1] == ("PixelPush", LOST)


def test_there_are_no_more_pushes_than_allowed_and_epsilon_of_them_are_random() -> None:
    policy = _ScriptedPolicy([0.1] * 9)
    found = _imagine(_ScriptedTrials(99), policy, epsilon=1.0)
    assert sum(k == "PixelPush" for k, _ in found) == 5 and policy.num_random == 5


_AMOUNTS = Amounts(
    num_scenes=2,
    num_pushes=3,
    num_validation=1,
    labels=LabelPlan((2, 3), (0.05, 0.08), 1, 1, 1, 2),
    push_objects=(3, 4),
)


def _arguments(tmp_path: Path, name: str) -> dict[str, str]:
    method = tmp_path / "tiny.yaml"
    stage = {"num_epochs": 1, "batch_size": 2, "learning_rate": 1e-3}
    values = {
        "extends": "push_grasp:tiny",
        "grasp_training": stage,
        "critic_training": stage,
        "segmenter_training": stage,
        "acting": {"num_candidates": 2, "max_pushes": 2},
        "training": {"first_training_attempt": 1, "batch_size": 2, "critic_batch_size": 4},
    }
    method.write_text(yaml.safe_dump(values))
    return {
        "cell": "gantry",
        "method": str(method),
        "objects": "household",
        "split": "train",
        "seed": "0",
        "out": str(tmp_path / name),
    }


def _digest(folder: Path) -> str:
    return tensor_digest(load_weights(folder / "weights" / "policy_00000001.safetensors")[0])


def test_a_run_with_more_pushes_is_not_called_one_with_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = push_learning._Progress(4, 9, False, 60, 40, 5)  # 35 before its last round
    monkeypatch.setattr(push_learning._Progress, "of", lambda path: done)
    given = ("gantry", "household", "train", "push_grasp:tiny", 0, tmp_path, (3, 4), (0.05, 0.1))
    with pytest.raises(ConfigError, match="holds 40 pushes already, more than the 35"):
        push_learning.learn_pushes(push_learning.PushJob(*given), tmp_path, [], TABLE, 35, 1)


@pytest.mark.slow
def test_two_processes_label_the_same_scenes_as_one(tmp_path: Path) -> None:
    given = _arguments(tmp_path, "run")
    scenes = {}
    for num_processes in (1, 2):
        folder = tmp_path / str(num_processes)
        folder.mkdir()
        job = LabelJob(folder, "gantry", "household", "train", given["method"], 0, _AMOUNTS.labels)
        assert sorted(collect_all(job, [0, 2], num_processes)) == [0, 2]
        scenes[num_processes] = [GraspScene.load(scene_path(folder, k)) for k in (0, 2)]
    for one, other in zip(*scenes.values(), strict=True):
        assert np.array_equal(one.grasps, other.grasps) and len(one.grasps)
        assert np.array_equal(one.heightmap, other.heightmap)


@pytest.mark.slow
def test_a_whole_training_carries_on_wherever_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain(_arguments(tmp_path, "whole"), _AMOUNTS, None)
    assert (whole / "calibration.json").is_file()
    assert share_simulated(whole, _AMOUNTS) == 1.0
    # Stopped in the middle of labels, then between two steps of one scene of stage 2.
    stops = {"save": 1, "add": 2}
    save, add = GraspScene.save, LoggedTrainer.add

    def stopping(name: str, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if stops[name] == 0:
                stops[name] = -1
                raise KeyboardInterrupt
            stops[name] -= stops[name] > 0
            return original(*args, **kwargs)

        return call

    monkeypatch.setattr(GraspScene, "save", stopping("save", save))
    monkeypatch.setattr(LoggedTrainer, "add", stopping("add", add))
    arguments = _arguments(tmp_path, "stopped")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pretrain(arguments, _AMOUNTS, None)
    last = replace(_AMOUNTS, num_processes=2)  # which makes no difference
    assert pretrain(arguments, last, None) == tmp_path / "stopped"
    assert stops == {"save": -1, "add": -1}
    assert _digest(tmp_path / "stopped") == _digest(whole)
    with pytest.raises(ConfigError, match="seed"):
        pretrain(arguments | {"seed": "1"}, _AMOUNTS, None)
    with pytest.raises(ConfigError, match="with 2 labelled scenes, not 9"):
        pretrain(arguments, replace(_AMOUNTS, num_scenes=9), None)
