"""Goals that cannot be carried out are refused before anything moves, each with a code."""

import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from equigrasp_interfaces.action import ExecuteAction, PickObject  # noqa: E402
from equigrasp_interfaces.msg import Action, MotionResult  # noqa: E402
from equigrasp_interfaces.msg import Phase as PhaseMsg  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.errors import ConfigError  # noqa: E402
from equigrasp.geometry.actions import Push  # noqa: E402
from equigrasp.primitives.outcome import Phase, PushOutcome  # noqa: E402
from equigrasp.ros.executor import goal_server  # noqa: E402
from equigrasp.ros.executor.goal_codes import GoalError  # noqa: E402
from equigrasp.ros.executor.goal_server import Goal, GoalServer  # noqa: E402
from equigrasp.ros.executor.grasp_goals import GraspGoals  # noqa: E402

CODES = MotionResult


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": 9}, "Unknown mode 9"),
        ({"pick_workspace": "moon"}, "Unknown workspace 'moon'"),
        ({"place_workspace": "moon"}, "Unknown workspace 'moon'"),
    ],
)
def test_a_wrong_pick_is_refused_before_moving(change: dict[str, Any], message: str) -> None:
    moves: list[str] = []
    primitive = SimpleNamespace(
        cell=SimpleNamespace(config=load_config(CellConfig, "cells", "ur5")),
        go_home=lambda **options: moves.append("home"),
    )
    goals = _goals(primitive=primitive)
    request = {"pick_workspace": "left", "place_workspace": "right", "mode": 2} | change
    goal = Goal(
        PickObject.Goal(**request), PickObject.Result(), threading.Event(), lambda phase: None
    )
    with pytest.raises(ConfigError, match=message):
        goals.pick_object(goal)
    assert not moves


def _goals(**parts: Any) -> GraspGoals:
    parts = {"primitive": SimpleNamespace(), "push": SimpleNamespace()} | parts
    return GraspGoals(
        parts["primitive"], parts["push"], SimpleNamespace(), SimpleNamespace(), print
    )


def _action_goal(action: Action) -> Goal:
    request = ExecuteAction.Goal(action=action)
    return Goal(request, ExecuteAction.Result(), threading.Event(), lambda phase: None)


def test_an_action_without_a_primitive_is_refused() -> None:
    goal = _action_goal(Action(kind=Action.KIND_STEP))
    with pytest.raises(GoalError, match="grasps and pushes, found a GripperStep") as refused:
        _goals().execute_action(goal)
    assert refused.value.code == CODES.UNSUPPORTED


def test_an_episode_goes_on_after_a_push() -> None:
    pushes: list[tuple[Any, str]] = []

    def execute(push: Push, workspace: Any, **options: Any) -> PushOutcome:
        pushes.append((push, workspace.name))
        return PushOutcome(0.05, False, False, 3.0, 0.25)

    cell = SimpleNamespace(config=load_config(CellConfig, "cells", "ur5"))
    parts = {"primitive": SimpleNamespace(cell=cell), "push": SimpleNamespace(execute=execute)}
    action = Action(kind=Action.KIND_PUSH)
    action.push.workspace, action.push.length = "left", 0.05
    goal = _action_goal(action)
    _goals(**parts).execute_action(goal)
    assert pushes == [(Push(0.0, 0.0, 0.0, 0.0, 0.05), "left")]
    assert (goal.result.reward, goal.result.discount) == (0.0, 1.0)
    assert goal.result.motion.idle_time == 0.25


def test_phases_are_those_of_the_message() -> None:
    assert {p.name: int(p) for p in Phase} == {p.name: getattr(PhaseMsg, p.name) for p in Phase}


class _Slot:
    """Is free."""

    @contextlib.contextmanager
    def occupy(self, handle: object) -> Iterator[threading.Event]:
        yield threading.Event()


@pytest.mark.parametrize("error", [TypeError("odd"), KeyError("x"), RuntimeError("torn")])
def test_what_nobody_foresaw_ends_with_a_code(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[str] = []
    monkeypatch.setattr(goal_server, "GoalSlot", _Slot)
    quiet = SimpleNamespace(error=lambda text, **o: None, warning=lambda text: None)
    node = SimpleNamespace(is_active=True, get_logger=lambda: quiet)
    arm = SimpleNamespace(is_heard=True, stop=lambda: ends.append("stop"))
    gripper = SimpleNamespace(
        is_heard=True, state=lambda: SimpleNamespace(is_stalled=False, width=0.0)
    )
    server = GoalServer(node, arm, gripper, 0.0, SimpleNamespace(now=lambda: 0.0))
    handle = SimpleNamespace(
        goal_id=SimpleNamespace(uuid=[0] * 16), request=None, abort=lambda: ends.append("abort")
    )

    def work(goal: Goal) -> None:
        raise error

    result = server._execute(handle, PickObject, work)
    assert result.motion.error_code == CODES.UNEXPECTED
    assert type(error).__name__ in result.motion.error_msg
    assert ends == ["stop", "abort"]
