"""When a push takes the place of a grasp, and what the policy that grasps is told."""

from typing import Any

import numpy as np
import pytest

from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning import freeing_policy
from equigrasp.learning.freeing_policy import FreeingPolicy
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import Attempt, Context, Decision, Mode
from equigrasp.perception.observation import LABELS, Observation

TRAY = Workspace("left", 0.45, 0.21, floor_z=0.002)
BAR, BOX = (20, 60), (80, 60)  # pixels on them


class Grasper:
    """A policy that grasps at a pixel, and remembers how many failures it was told of."""

    version = 3

    def __init__(self, pixel: tuple[int, int] = BAR, value: float = 0.4) -> None:
        self.pixel, self.value = pixel, value
        self.told: list[int] = []

    def choose(
        self, observation: Observation, context: Context, rng: Any
    ) -> Decision[PlanarGrasp]:
        self.told.append(len(context.history))
        x, y = TRAY.pixel_to_xy(*self.pixel)
        return Decision(PlanarGrasp(x, y, 0.02, 0.0, 0.08), at(self.pixel), self.value)

    def load(self, *arguments: Any) -> None: ...

    def probe(self) -> Any: ...


def at(pixel: tuple[int, int]) -> dict[str, np.ndarray]:
    values = {"row": pixel[0], "col": pixel[1], "rotation_bin": 2}
    return {key: np.asarray(value, np.int32) for key, value in values.items()}


def failed(pixel: tuple[int, int] = BAR, workspace: str = "left") -> Attempt:
    return Attempt(workspace, at(pixel), 0.0)


@pytest.fixture(scope="module")
def tray() -> Observation:
    """Return a bar flat along an upright wall, and a box in the middle."""
    heightmap = np.full((128, 128), 0.05, np.float32)
    heightmap[16:112, 16:112] = 0.0
    labels = np.zeros((128, 128), np.uint8)
    labels[16:24, 45:80], labels[74:88, 54:68], labels[:8] = 1, 2, 3
    heightmap[labels == 1], heightmap[labels == 2] = 0.025, 0.035
    return Observation({"heightmap": heightmap, LABELS: labels}, TRAY)


def choose(
    tray: Observation, *history: Attempt, pixel: tuple[int, int] = BAR, mode: Mode = "greedy"
) -> tuple[Decision[Any], list[int]]:
    grasper = Grasper(pixel)
    rng = np.random.default_rng(0)
    decision = FreeingPolicy(grasper).choose(tray, Context(mode, history), rng)
    return decision, grasper.told


def test_a_bar_that_failed_twice_is_pushed(tray: Observation) -> None:
    decision, _ = choose(tray, failed(), failed())
    assert isinstance(decision.action, Push) and decision.is_by_rule
    assert TRAY.contains_xy(decision.action.x, decision.action.y)
    assert decision.policy_version == 3 and np.isnan(decision.value)
    assert set(decision.encoded) == {"row", "col", "direction_bin"}
    assert decision.tried("left").is_by_rule


@pytest.mark.parametrize(
    ("history", "pixel", "mode"),
    [
        ((), BAR, "greedy"),
        ((failed(),), BAR, "greedy"),
        ((failed(), failed()), BAR, "random"),
        ((failed(), failed()), BOX, "greedy"),  # it found something better
        ((failed(), failed(BOX)), BAR, "greedy"),
        ((failed(BOX), failed(BOX)), BOX, "greedy"),  # it has room
        ((failed(), failed(workspace="right")), BAR, "greedy"),
        (last_failures((), 5), BAR, "greedy"),  # nobody knows where
        ((failed((4, 60)), failed((4, 60))), (4, 60), "greedy"),  # a wall
    ],
)
def test_else_the_policy_grasps(
    tray: Observation, history: tuple[Attempt, ...], pixel: tuple[int, int], mode: Mode
) -> None:
    decision, told = choose(tray, *history, pixel=pixel, mode=mode)
    assert isinstance(decision.action, PlanarGrasp) and not decision.is_by_rule
    assert told == [len(history)]


@pytest.mark.parametrize(
    ("modes", "value", "is_pushed"),
    [(("greedy",), 0.4, False), (("train", "greedy"), 0.4, True), (("train",), np.nan, False)],
)
def test_while_learning_it_pushes_if_told_so_and_never_for_a_random_choice(
    tray: Observation, modes: tuple[Mode, ...], value: float, is_pushed: bool
) -> None:
    policy = FreeingPolicy(Grasper(value=value), modes)
    context = Context("train", (failed(), failed()))
    decision = policy.choose(tray, context, np.random.default_rng(0))
    assert decision.is_by_rule == is_pushed


def test_pushes_in_another_workspace_are_none_here(tray: Observation) -> None:
    push = choose(tray, failed(), failed())[0].tried("right")
    decision, told = choose(tray, failed(), failed(), *(push,) * 4)
    assert decision.is_by_rule and told == [2]  # neither failures nor pushes count otherwise


def test_many_failures_cost_no_more_than_two(
    tray: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    transform = freeing_policy.ndimage.distance_transform_edt

    def count(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        return transform(*arguments, **options)

    monkeypatch.setattr(freeing_policy.ndimage, "distance_transform_edt", count)
    assert choose(tray, *(failed(),) * 20, pixel=BOX)[0].is_by_rule is False
    assert len(calls) == 1
    push = choose(tray, failed(), failed())[0].tried("left")
    calls.clear()
    choose(tray, *(push,) * 4, failed(), failed())
    assert not calls  # no more pushes: nothing is looked for


def test_failures_before_a_push_count_no_more(tray: Observation) -> None:
    push = choose(tray, failed(), failed())[0].tried("left")
    decision, told = choose(tray, failed(), failed(), push, failed())
    assert told == [1] and isinstance(decision.action, PlanarGrasp)


def test_a_push_is_not_repeated_and_pushes_end(
    tray: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    find = freeing_policy.find_freeing_push

    def count(*arguments: Any) -> Any:
        given.append(len(arguments[4]))
        return find(*arguments)

    monkeypatch.setattr(freeing_policy, "find_freeing_push", count)
    push = choose(tray, failed(), failed())[0].tried("left")
    again, _ = choose(tray, failed(), failed(), push, failed(), failed())
    assert given == [0, 1]
    assert not again.is_by_rule or again.encoded != push.action
    many = (push,) * 4
    assert isinstance(choose(tray, *many, failed(), failed())[0].action, PlanarGrasp)
    assert given == [0, 1]


def test_history_keeps_pushes_and_counts_them_not() -> None:
    push = Attempt("left", {}, 0.0, is_by_rule=True)
    choices = (failed(), push, failed(BOX), failed())
    assert last_failures(choices, 0) == ()
    assert last_failures(choices, 1) == (push, choices[3])
    assert last_failures(choices, 3) == choices
    assert len(last_failures(choices, 5)) == 6
