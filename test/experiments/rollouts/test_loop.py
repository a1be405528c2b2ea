"""The loop in which policies act: what follows from refusals, failures and empty trays."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equigrasp.environments.environment import StepResult
from equigrasp.errors import PlanningError, UnreachableError
from equigrasp.experiments.rollouts.attempts import in_two_trays
from equigrasp.experiments.rollouts.loop import EPISODES, TWO_TRAYS, Loop, Rules
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Context, Decision, EmptyWorkspaceError
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import GraspOutcome
from equigrasp.simulation.make import make_simulated_cell

OUTCOME = GraspOutcome(True, True, 0.03, 4.0, 0.1)


class Room:
    """An environment that does as it is told, letter by letter.

    `s`: success, `f`: failure, `x`: refused, `e`: empty when it is observed.
    """

    def __init__(self, script: str) -> None:
        self.script, self.is_over = list(script), False
        self.resets = self.recoveries = 0
        self.can_recover = True

    def observe(self) -> Observation:
        return Observation({"points": np.zeros((1, 3))}, Workspace("left", 0.45, 0.21))

    def step(self, action: str) -> StepResult:
        letter = self.script.pop(0)
        if letter == "x":
            raise UnreachableError("Out of reach.")
        return StepResult(float(letter == "s"), OUTCOME)

    def reset(self) -> None:
        self.resets, self.is_over = self.resets + 1, False

    def recover(self) -> None:
        self.recoveries += 1
        if not self.can_recover:
            raise PlanningError("Stuck.")


class Chooser:
    """A policy that remembers what it was told."""

    version = 0

    def __init__(self, room: Room) -> None:
        self._room = room
        self.told: list[tuple[str, int]] = []
        self.drawn: list[float] = []
        self.by_rule: set[int] = set()  # choices, from 0, that are

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[str]:
        if self._room.script[0] == "e":
            self._room.script.pop(0)
            raise EmptyWorkspaceError("Nothing lies there.")
        self.told.append((context.mode, len(context.history)))
        self.drawn.append(rng.random())
        is_by_rule = len(self.told) - 1 in self.by_rule
        return Decision("go", {"n": np.array(len(self.told))}, 0.5, is_by_rule=is_by_rule)

    def load(self, *arguments: Any) -> None: ...

    def probe(self) -> Any: ...


def loop_of(script: str, rules: Rules, failures: int = 0) -> tuple[Loop[str], Room, Chooser]:
    room = Room(script)
    chooser = Chooser(room)
    return Loop(room, chooser, rules, 7, failures), room, chooser  # type: ignore[arg-type]


def test_failures_and_refusals_are_told_until_a_success() -> None:
    loop, room, chooser = loop_of("fxfsf", TWO_TRAYS)
    for number in range(4):
        loop.attempt(number, "train")
    assert [n for _, n in chooser.told] == [0, 1, 2, 2, 0]
    assert (loop.num_refused, room.recoveries, loop.failures) == (1, 1, 1)


def test_a_published_validation_is_told_of_refusals_only() -> None:
    loop, _, chooser = loop_of("ffxs", EPISODES, failures=3)
    loop.attempt(0, "train")
    for number in (1, 2):
        loop.attempt(number, "greedy")
    assert chooser.told == [("train", 3), ("greedy", 0), ("greedy", 0), ("greedy", 1)]


def test_actions_by_rule_are_no_attempts() -> None:
    loop, room, chooser = loop_of("fffxfs", TWO_TRAYS)
    chooser.by_rule = {2, 3}
    made = [loop.attempt(number, "greedy") for number in range(4)]
    assert [step.result.reward for step in made] == [0.0, 0.0, 0.0, 1.0]
    assert not any(step.decision.is_by_rule for step in made)
    assert (loop.num_by_rule, loop.num_refused, loop.failures) == (1, 1, 0)
    assert [n for _, n in chooser.told] == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]  # pushes stay, and count as no failure


def test_after_many_refusals_an_episode_goes_on_at_random() -> None:
    loop, _, chooser = loop_of("xxxf", replace(EPISODES, max_refusals=2))
    loop.attempt(0, "train")
    assert [mode for mode, _ in chooser.told] == ["train", "train", "random", "random"]


def test_a_cell_that_refuses_everything_is_given_up() -> None:
    loop, room, _ = loop_of("xxxx", replace(TWO_TRAYS, max_refusals=3))
    with pytest.raises(PlanningError, match="3 actions in a row were refused.*Out of reach"):
        loop.attempt(0, "train")
    assert loop.num_refused == 3 and room.recoveries == 2


def test_empty_trays_are_swapped_once() -> None:
    loop, room, _ = loop_of("es", TWO_TRAYS)
    loop.attempt(0, "train")
    assert room.resets == 1
    loop, room, _ = loop_of("ee", TWO_TRAYS)
    with pytest.raises(EmptyWorkspaceError):
        loop.attempt(0, "train")


def test_a_new_episode_forgets_failures() -> None:
    loop, room, chooser = loop_of("ffs", EPISODES)
    loop.attempt(0, "train")
    loop.attempt(1, "train")
    room.is_over = True
    loop.attempt(2, "train")
    assert room.resets == 1 and [n for _, n in chooser.told] == [0, 1, 0]


@pytest.mark.parametrize("rules", [TWO_TRAYS, EPISODES])
def test_an_arm_that_is_stuck_needs_a_new_scene(rules: Rules) -> None:
    loop, room, _ = loop_of("xs", rules)
    room.can_recover = False
    if rules.is_episodic:
        loop.attempt(0, "train")
        assert room.resets == 1
    else:
        with pytest.raises(PlanningError, match="Stuck"):
            loop.attempt(0, "train")


def test_every_choice_of_a_run_has_a_seed_of_its_own() -> None:
    loop, _, chooser = loop_of("xxfxfs", TWO_TRAYS)
    for number in range(3):
        loop.attempt(number, "train")
    assert len(set(chooser.drawn)) == 6
    again, _, other = loop_of("xxfxfs", TWO_TRAYS)
    for number in range(3):
        again.attempt(number, "train")
    assert other.drawn == chooser.drawn


@pytest.fixture
def empty_cell() -> Iterator[Any]:
    package, method = load_method("asr:tiny")
    policy = package.make_policy(method, package.make_networks(method, 0))
    with make_simulated_cell("ur5") as simulation:
        yield in_two_trays(simulation, policy, 0, lambda number: [])


def test_two_empty_trays_are_named(empty_cell: Any) -> None:
    with pytest.raises(EmptyWorkspaceError, match="is empty"):
        empty_cell.attempt(0, "random")
