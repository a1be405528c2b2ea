"""Attempts in one process: what ends them where no grasp is to be had."""

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from equigrasp.errors import PlanningError, UnreachableError
from equigrasp.experiments.rollouts import simulated_run
from equigrasp.experiments.rollouts.simulated_run import SimulatedRun
from equigrasp.learning.interfaces import EmptyWorkspaceError
from equigrasp.methods.registry import load_method
from equigrasp.simulation.make import make_simulated_cell


@pytest.fixture
def run() -> Iterator[SimulatedRun]:
    package, method = load_method("asr:tiny")
    policy = package.make_policy(method, package.make_networks(method, 0))
    with make_simulated_cell("ur5") as simulation:
        yield SimulatedRun(simulation, policy, "train", 0, names=["cube_0"])


def test_a_cell_whose_arm_reaches_nothing_is_given_up(
    run: SimulatedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> NoReturn:
        raise UnreachableError("No joint positions reach it.")

    monkeypatch.setattr(simulated_run, "_MAX_REFUSALS", 3)
    monkeypatch.setattr(run.env, "step", refuse)
    with pytest.raises(PlanningError, match="3 grasps in a row were refused.*No joint positions"):
        run.attempt(0, "random")
    assert run.num_refused == 3


def test_two_empty_trays_are_told(run: SimulatedRun) -> None:
    for thing in run._simulation.world.objects():
        run._simulation.world.remove_object(thing.handle)
    with pytest.raises(EmptyWorkspaceError, match="is empty"):
        run.attempt(0, "random")
