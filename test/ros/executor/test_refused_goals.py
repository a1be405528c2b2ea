"""Goals that cannot be carried out are refused before anything moves, each with a code."""

import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from equigrasp_interfaces.action import ExecuteAction, PickObject  # noqa: E402
from equigrasp_interfaces.msg import Action, MotionResult, NamedArray  # noqa: E402
from equigrasp_interfaces.msg import Phase as PhaseMsg  # noqa: E402
from equigrasp_interfaces.srv import PlanAction, PlanGrasp  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.errors import ConfigError  # noqa: E402
from equigrasp.geometry.actions import Push  # noqa: E402
from equigrasp.perception.observation import Observation  # noqa: E402
from equigrasp.primitives.outcome import GraspOutcome, Phase, PushOutcome  # noqa: E402
from equigrasp.ros.executor import goal_server  # noqa: E402
from equigrasp.ros.executor.goal_codes import GoalError  # noqa: E402
from equigrasp.ros.executor.goal_server import Goal, GoalServer  # noqa: E402
from equigrasp.ros.executor.grasp_goals import GraspGoals  # noqa: E402
from equigrasp.ros.executor.policy_calls import PolicyCall  # noqa: E402
from equigrasp.ros.messages.heightmaps import to_heightmap_msg  # noqa: E402

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
    none = SimpleNamespace()
    return GraspGoals(parts["primitive"], parts["push"], none, none, print, none)


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


class _Policy:
    """A client of the policy that gives these answers, one after the other."""

    srv_name = "policy"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def service_is_ready(self) -> bool:
        return True

    def call_async(self, request: Any) -> Any:
        return SimpleNamespace(done=lambda: True, result=lambda: self.answers.pop(0))

    def remove_pending_request(self, future: Any) -> None:
        pass


def _picking(plans: _Policy, actions: _Policy, did: list[str]) -> GraspGoals:
    def push(push: Push, workspace: Any, **options: Any) -> PushOutcome:
        did.append(f"push {workspace.name} {push.length:.2f}")
        return PushOutcome(push.length, False, False, 3.0, 0.25)

    def grasp(*arguments: Any, **options: Any) -> GraspOutcome:
        did.append("grasp")
        return GraspOutcome(True, True, 0.03, 4.0, 0.1)

    primitive = SimpleNamespace(
        cell=SimpleNamespace(config=load_config(CellConfig, "cells", "ur5")),
        detector=SimpleNamespace(needs_view=False),
        go_home=lambda **options: did.append("home"),
        execute=grasp,
    )
    clock = SimpleNamespace(stamp=lambda: 1.0)
    calls = [PolicyCall(client, 1.0) for client in (plans, actions)]
    return GraspGoals(primitive, SimpleNamespace(execute=push), clock, calls[0], print, calls[1])


def _pick_goal() -> Goal:
    request = PickObject.Goal(pick_workspace="left", mode=2)
    return Goal(request, PickObject.Result(), threading.Event(), lambda phase: None)


def _plans() -> tuple[PlanGrasp.Response, PlanAction.Response, PlanGrasp.Response]:
    none = PlanGrasp.Response(error_code=PlanGrasp.Response.NO_GRASP, error_msg="A push.")
    wanted = PlanAction.Response()
    wanted.action.kind = Action.KIND_PUSH
    wanted.action.push.workspace, wanted.action.push.length = "left", 0.05
    workspace = load_config(CellConfig, "cells", "ur5").workspace("left")
    heights = np.zeros((workspace.heightmap_size_px,) * 2, np.float32)
    planned = PlanGrasp.Response()
    planned.heightmap = to_heightmap_msg(Observation.of_heightmap(heights, workspace))
    planned.grasp.workspace, planned.grasp.width = "left", 0.08
    return none, wanted, planned


def test_a_pick_pushes_first_where_the_policy_wants_it() -> None:
    did: list[str] = []
    none, wanted, planned = _plans()
    goal = _pick_goal()
    _picking(_Policy(none, planned), _Policy(wanted), did).pick_object(goal)
    assert did == ["home", "push left 0.05", "home", "grasp"] and goal.result.is_success


def test_a_pick_does_not_push_for_ever() -> None:
    did: list[str] = []
    none, wanted, _ = _plans()
    with pytest.raises(GoalError, match="A push") as refused:
        _picking(_Policy(*[none] * 9), _Policy(*[wanted] * 9), did).pick_object(_pick_goal())
    assert refused.value.code == CODES.POLICY_FAILED
    assert did.count("push left 0.05") == 4 and "grasp" not in did


def test_a_push_of_a_method_for_targets_is_not_carried_out() -> None:
    did: list[str] = []
    none, wanted, _ = _plans()
    wanted.observation.arrays = [NamedArray(name="heightmap")]
    with pytest.raises(GoalError, match="wants a Push .* call 'push_grasp'") as refused:
        _picking(_Policy(none), _Policy(wanted), did).pick_object(_pick_goal())
    assert refused.value.code == CODES.UNSUPPORTED
    assert did == ["home"]


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
