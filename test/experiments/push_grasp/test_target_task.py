"""The paper's figures from results, and an evaluation that carries on."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from equigrasp.cli.main import main
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.environments.target_episode import TargetStep
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.push_grasp import target_task
from equigrasp.experiments.push_grasp.target_task import (
    TargetEvaluation,
    TargetResult,
    read_results,
    summary,
)
from equigrasp.experiments.push_grasp.task_scenes import TargetTask
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Context, Decision
from equigrasp.learning.trained_weights import describe_weights
from equigrasp.learning.weight_store import read_parameters, write_weights
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.make import make_simulated_cell


def test_rates_are_those_of_the_paper() -> None:
    results = [
        TargetResult(0, 1, True, 0, 1, 0.9, 0.9, 3.0),
        TargetResult(0, 2, True, 2, 1, 0.2, 0.8, 9.0, 2, 1),
        TargetResult(0, 3, False, 1, 0, 0.1, 0.1, 4.0),  # lost
        TargetResult(1, 1, False, 0, 1, 0.9, 0.9, 4.0),
    ]
    found = summary(results)
    assert found["gsr"] == 0.5 and found["targets"] == 4 and found["taken"] == 2
    assert found["me"] == pytest.approx(3 / 6)
    assert found["pushes_per_target"] == 0.75 and found["seconds_per_target"] == 5.0
    assert found["gsr_low"] < 0.5 < found["gsr_high"]
    assert found["scenes"] == 2 and found["hard_targets"] == 0
    assert found["looks"] == 2 and found["differing_looks"] == 1


def test_targets_whose_first_score_is_too_low_are_counted_apart() -> None:
    results = [
        TargetResult(0, 1, True, 0, 1, 0.9, 0.9, 3.0),
        TargetResult(0, 2, True, 2, 1, 0.2, 0.8, 9.0),
        TargetResult(1, 1, False, 1, 1, 0.1, 0.1, 4.0),
    ]
    found = summary(results, threshold=0.2)
    assert found["hard_targets"] == 2 and found["hard_gsr_taken"] == 1
    assert found["hard_gsr"] == 0.5 and found["gsr"] == pytest.approx(2 / 3)
    unseen = TargetResult(1, 2, False, 0, 0, math.nan, math.nan, 0.0)
    assert summary([*results, unseen], threshold=0.2)["hard_targets"] == 3


_GRASP, _PUSH = PlanarGrasp(0.45, -0.1, 0.01, 0.0, 0.08), Push(0.45, -0.1, 0.01, 0.0, 0.1)


class _PushThenGrasp:
    """Pushes once beside the target, then grasps the middle of its mask."""

    version = 0

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[Any]:
        rows, cols = np.nonzero(observation.goal["target"])
        x, y = observation.workspace.pixel_to_xy(int(rows.mean()), int(cols.mean()))
        assert observation.arrays[LABELS][int(rows.mean()), int(cols.mean())] == 1
        action: Any = PlanarGrasp(x, y, 0.012, 0.0, 0.085)
        if not context.history:
            action = Push(x - 0.12, y - 0.12, 0.012, -2.3, 0.02)
        return Decision(action, {}, 0.25 * (1 + len(context.history)))


class _FailedPushes:
    """Both scenes and an episode, in which pushes stop midway; `is_stuck`: the arm cannot go home then."""

    workspace = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)
    is_over = False

    def __init__(self, is_stuck: bool) -> None:
        self._is_stuck, self.calls = is_stuck, list[str]()

    def make_episode(self) -> "_FailedPushes":
        return self

    def begin(self, label: int, follower: None) -> None:
        self.calls.append("begin")

    def observe(self) -> Observation:
        self.calls.append("observe")
        return Observation.of_heightmap(np.zeros((160, 160), np.float32), self.workspace)

    def step(self, action: Any) -> TargetStep:
        self.calls.append("step")
        if isinstance(action, Push):
            raise DeviceError("stopped midway")
        self.is_over = True
        return TargetStep(1.0, None, is_taken=True)  # type: ignore[arg-type]

    def recover(self, push: Push) -> None:
        self.calls.append("recover")
        if self._is_stuck:
            raise PlanningError("no way home")


@pytest.mark.parametrize("is_stuck", [False, True])
def test_after_a_push_that_failed_the_scene_is_seen_anew(
    is_stuck: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = _FailedPushes(is_stuck)
    idle = []

    def choose(_: Observation, context: Context, __: np.random.Generator) -> Decision[Any]:
        idle.append(context.idle_pushes)
        action: Any = _GRASP if context.history else _PUSH
        return Decision(action, {}, 0.5)

    clock = SimpleNamespace(now=lambda: 0.0)
    simulation: Any = SimpleNamespace(cell=SimpleNamespace(clock=clock))
    monkeypatch.setattr(target_task, "TaskScenes", lambda *_: scenes)
    policy: Any = SimpleNamespace(choose=choose)
    made = TargetEvaluation(simulation, policy, TargetTask(num_objects=2), tmp_path / "x.csv")
    found = made._take(0, 1)
    first = ["begin", "observe", "step", "recover"]
    assert scenes.calls == first + ([] if is_stuck else ["observe", "observe", "step"])
    assert idle == [()] + ([] if is_stuck else [(_PUSH,)])  # nothing moved: none like it again
    assert (found.is_taken, found.num_pushes, found.num_grasps) == (not is_stuck, 1, not is_stuck)


@pytest.mark.slow
def test_an_evaluation_writes_each_target_down_and_carries_on(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    task = TargetTask(layout=1, seed=5)
    with make_simulated_cell("gantry", object_set="blocks") as simulation:
        whole = TargetEvaluation(simulation, _PushThenGrasp(), task, tmp_path / "whole.csv")  # type: ignore[arg-type]
        list(whole.run(3))
        first = TargetEvaluation(simulation, _PushThenGrasp(), task, path)  # type: ignore[arg-type]
        list(first.run(1))
        again = TargetEvaluation(simulation, _PushThenGrasp(), task, path)  # type: ignore[arg-type]
        assert [r.scene for r in again.run(3)] == [1, 2]
    assert again.results == whole.results == read_results(path)
    assert [(r.num_pushes, r.num_grasps) for r in again.results] == [(1, 1)] * 3
    assert [(r.first_score, r.last_score) for r in again.results] == [(0.25, 0.5)] * 3


@pytest.mark.slow
def test_the_command_fetches_targets_and_keeps_those_of_other_weights_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method, config = load_method("push_grasp:tiny")
    workspace = open_workspace(load_cell("gantry"))
    facts = describe_weights("push_grasp:tiny", config, workspace, "robotiq_2f_85", {})

    def weights(seed: int) -> str:
        modules = method.make_networks(config, seed)
        path = tmp_path / f"seed_{seed}.safetensors"
        write_weights(path, read_parameters(modules), facts | {"version": "1"})
        return str(path)

    def evaluate(seed: int, targets: int, masks: str = "truth") -> list[TargetResult]:
        options = [
            "--task",
            "tight",
            "--layout",
            "2",
            "--targets",
            str(targets),
            "--max-pushes",
            "1",
            "--masks",
            masks,
        ]
        named = ["--weights", weights(seed), "--method", "push_grasp:tiny", "--seed", "3"]
        assert main(["evaluate", str(tmp_path), *options, *named]) == 0
        suffix = "" if masks == "truth" else f"_{masks}_masks"
        found = (tmp_path / "tasks").glob(f"tight_2_1_pushes{suffix}_????????.csv")
        return read_results(max(found, key=lambda path: path.stat().st_mtime_ns))

    first = evaluate(0, 1)
    assert len(first) == 1 and first[0].num_pushes <= 1
    printed = capsys.readouterr().out
    assert "of 1 targets fetched: GSR" in printed and printed.endswith("ground-truth masks\n")
    assert (first[0].num_looks, first[0].num_differing) == (0, 0)
    assert evaluate(0, 2)[:1] == first
    # Two blocks side by side of one height: by heights they are one object, and a robot sees no other.
    by_heights = evaluate(0, 1, "depth")
    assert "masks: depth, the tracker differs from the truth in" in capsys.readouterr().out
    assert by_heights[0].num_looks >= by_heights[0].num_pushes
    again = evaluate(0, 3)
    assert again == evaluate(0, 3) and again[:1] == first  # kept beside the other masks
    other = evaluate(1, 1)
    assert len(other) == 1 and other[0].first_score != first[0].first_score
