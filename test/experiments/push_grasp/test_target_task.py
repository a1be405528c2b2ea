"""The paper's figures from results, and an evaluation that carries on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equigrasp.experiments.push_grasp.target_task import (
    TargetEvaluation,
    TargetResult,
    TargetTask,
    read_results,
    summary,
)
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.learning.interfaces import Context, Decision
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.simulation.make import make_simulated_cell


def test_rates_are_those_of_the_paper() -> None:
    results = [
        TargetResult(0, 1, True, 0, 1, 0.9, 0.9, 3.0),
        TargetResult(0, 2, True, 2, 1, 0.2, 0.8, 9.0),
        TargetResult(0, 3, False, 1, 0, 0.1, 0.1, 4.0),  # lost
        TargetResult(1, 1, False, 0, 1, 0.9, 0.9, 4.0),
    ]
    found = summary(results)
    assert found["gsr"] == 0.5 and found["targets"] == 4 and found["taken"] == 2
    assert found["me"] == pytest.approx(3 / 6)
    assert found["pushes_per_target"] == 0.75 and found["seconds_per_target"] == 5.0
    assert found["gsr_low"] < 0.5 < found["gsr_high"]


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
