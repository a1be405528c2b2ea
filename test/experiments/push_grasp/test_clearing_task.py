"""Clearing: the arithmetic of its figures, when a round ends, and that it carries on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equigrasp.environments.target_episode import TargetStep
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.experiments.push_grasp.clearing_task import (
    EMPTY,
    FAILURES,
    STUCK,
    ClearingEvaluation,
    ClearingResult,
    ClearingRound,
    clearing_summary,
)
from equigrasp.experiments.push_grasp.result_rows import append_row, read_rows
from equigrasp.experiments.push_grasp.task_scenes import TargetTask
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Context, Decision, EmptyWorkspaceError
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation
from equigrasp.primitives.outcome import GraspOutcome
from equigrasp.simulation.make import make_simulated_cell

TABLE = Workspace("table", 0.45, -0.1, ceiling_z=0.35, heightmap_size_px=160, action_size_px=128)
_GRASP, _PUSH = PlanarGrasp(0.45, -0.1, 0.01, 0.0, 0.08), Push(0.45, -0.1, 0.01, 0.0, 0.1)


def test_rates_of_clearing_are_those_of_the_paper() -> None:
    results = [
        ClearingResult(0, 10, 9, 1, 10, 8, 2, EMPTY, 60.0),  # one grasp took two objects
        ClearingResult(1, 10, 4, 0, 6, 4, 6, FAILURES, 40.0),
    ]
    found = clearing_summary(results)
    assert found["gsr"] == 12 / 16 and found["dr"] == pytest.approx(0.65)
    assert found["me"] == 16 / 24 and found["outside"] == 1
    assert (found["dr_low"], found["dr_high"]) == (pytest.approx(0.4), pytest.approx(0.9))
    assert found["gsr_low"] < 0.75 < found["gsr_high"] and found["seconds_per_round"] == 50.0
    nothing = clearing_summary([ClearingResult(0, 10, 0, 0, 0, 0, 12, STUCK, 9.0)])
    assert nothing["dr"] == nothing["gsr"] == nothing["me"] == 0.0


class _Scripted:
    """Both an episode and a policy, of which a script tells what happens.

    `x`: a grasp that fails, `o`: one that takes its target, `2`: that and another object, `a`: one that takes
    another object, `p`: a push that moves nothing, `m`: one that does, `b`: a grasp that is refused, `h`: one after which the arm cannot go home, `d`: one
    that a device stops with the target in the fingers, `f`: a push that is stopped, `g`: that, and no way home.
    """

    def __init__(self, script: str) -> None:
        self._script, self.histories, self.idle = list(script), list[int](), list[int]()
        self._present, self.num_recoveries = "", 0

    def survey(self) -> Observation:
        labels = np.zeros((160, 160), np.uint8)
        labels[70:90, 70:90] = 3
        return Observation({HEIGHTMAP: np.zeros((160, 160), np.float32), LABELS: labels}, TABLE)

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[Any]:
        if not self._script:
            raise EmptyWorkspaceError("empty")
        self.histories.append(len(context.history))
        self.idle.append(len(context.idle_pushes))
        self._present = self._script.pop(0)
        action = _PUSH if self._present in "pmfg" else _GRASP
        return Decision(action, {}, 0.5, goal={TARGET: observation.arrays[LABELS] == 3})

    def begin(self, label: int) -> None:
        assert label == 3

    def observe(self) -> Observation:
        seen = self.survey()
        if self._present == "m":
            seen.arrays[HEIGHTMAP][40:60, 40:60] = 0.05
        return seen

    def step(self, action: Any) -> TargetStep:
        if self._present == "b":
            raise PlanningError("refused")
        if self._present in "dfg":
            raise DeviceError("stopped")
        is_taken = self._present in "o2"
        outcome = GraspOutcome(is_taken or self._present == "a", False, 0.0, 1.0, 0.0, False, {})
        return TargetStep(float(is_taken), outcome, is_taken=is_taken)

    def recover(self, push: Push) -> None:
        self.num_recoveries += 1
        if self._present == "g":
            raise PlanningError("no way home")

    def put_away(self, is_gripping: bool) -> list[int]:
        if self._present == "h":
            raise PlanningError("no way home")
        assert is_gripping == (self._present in "o2a")
        return {"o": [3], "2": [3, 4], "a": [4], "d": [3]}.get(self._present, [])


def _clear(script: str) -> tuple[str, ClearingRound, _Scripted]:
    scripted = _Scripted(script)
    found = ClearingRound(scripted, scripted, np.random.default_rng(0))  # type: ignore[arg-type]
    return found.run(), found, scripted


@pytest.mark.parametrize(
    ("script", "end", "taken", "grasps", "successes", "pushes"),
    [
        ("ooo", EMPTY, 3, 3, 3, 0),
        ("oxoxo", EMPTY, 3, 5, 3, 0),  # no two failures in a row
        ("oxxoo", FAILURES, 1, 3, 1, 0),
        ("xpx", FAILURES, 0, 2, 0, 1),  # a push between two failures ends no row of them
        ("p2", EMPTY, 2, 1, 1, 1),
        ("aao", FAILURES, 2, 2, 0, 0),  # others that are taken are cleared, and the grasps failed
        ("xbo", FAILURES, 0, 2, 0, 0),
        ("oh", STUCK, 1, 2, 1, 0),
        (
            "odo",
            EMPTY,
            2,
            3,
            2,
            0,
        ),  # what hangs there after a stop leaves the table, and counts for nothing
        ("ddo", FAILURES, 0, 2, 0, 0),
        ("fo", EMPTY, 1, 1, 1, 1),
        ("go", STUCK, 0, 0, 0, 1),
        ("p" * 12 + "o", STUCK, 0, 0, 0, 12),
    ],
)
def test_a_round_ends_after_two_failures_or_with_nothing_left(
    script: str, end: str, taken: int, grasps: int, successes: int, pushes: int
) -> None:
    ended, found, _ = _clear(script)
    assert ended == end
    counts = found.num_taken, found.num_grasps, found.num_successes, found.num_pushes
    assert counts == (taken, grasps, successes, pushes)


def test_the_arm_goes_home_after_a_push_that_failed() -> None:
    assert _clear("pffo")[2].num_recoveries == 2


def test_pushes_are_counted_since_the_last_grasp() -> None:
    assert _clear("ppopx")[2].histories == [0, 1, 2, 0, 1]


def test_pushes_that_moved_nothing_are_known_until_something_moves() -> None:
    assert _clear("pfmpox")[2].idle == [0, 1, 2, 0, 1, 0]


def test_a_row_that_a_crash_tore_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "rounds.csv"
    rows = [ClearingResult(k, 10, 9, 1, 10, 8, 2, EMPTY, 60.25) for k in range(2)]
    for row in rows:
        append_row(path, row)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + "2,10,9", encoding="utf-8")
    assert read_rows(path, ClearingResult) == rows
    assert path.read_text(encoding="utf-8") == whole
    path.write_text("scene,num", encoding="utf-8")
    assert read_rows(path, ClearingResult) == []
    append_row(path, rows[0])
    assert read_rows(path, ClearingResult) == rows[:1]


class _GraspAnything:
    """Grasps the middle of the object that shows most of itself, across its narrow side."""

    version = 0

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[Any]:
        labels = observation.arrays[LABELS]
        counts = np.bincount(labels[16:144, 16:144].ravel(), minlength=2)[1:]
        if not counts.any():
            raise EmptyWorkspaceError("nothing")
        mask = labels == int(counts.argmax()) + 1
        places = np.argwhere(mask)
        _, _, axes = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
        row, col = (int(v) for v in places.mean(axis=0).round())
        theta = float(np.arctan2(axes[1, 1], axes[1, 0]))
        x, y = observation.workspace.pixel_to_xy(row, col)
        height = max(0.01, float(observation.heightmap[mask].max()) - 0.03)
        return Decision(PlanarGrasp(x, y, height, theta, 0.085), {}, 0.5, goal={TARGET: mask})


@pytest.mark.slow
def test_tables_are_cleared_and_carried_on_from_the_same_scenes(tmp_path: Path) -> None:
    task = TargetTask(num_objects=3, spread=0.1, seed=2)
    policy: Any = _GraspAnything()
    with make_simulated_cell("gantry", object_set="household") as simulation:
        whole = ClearingEvaluation(simulation, policy, task, tmp_path / "whole.csv")
        list(whole.run(2))
        left = len(simulation.world.objects())
        assert left == 3 - whole.results[-1].num_taken
    with make_simulated_cell("gantry", object_set="household") as simulation:
        first = ClearingEvaluation(simulation, policy, task, tmp_path / "rounds.csv")
        list(first.run(1))
    with make_simulated_cell("gantry", object_set="household") as simulation:
        again = ClearingEvaluation(simulation, policy, task, tmp_path / "rounds.csv")
        assert [r.scene for r in again.run(2)] == [1]
    assert again.results == whole.results
    assert sum(r.num_taken for r in whole.results) >= 2
    assert {r.num_objects for r in whole.results} == {3}
    assert all(r.num_successes <= r.num_grasps for r in whole.results)
