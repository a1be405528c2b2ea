"""How goals of push_grasp begin and end, with fakes for robot and policy."""

import math
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from equigrasp_interfaces.action import PushGrasp  # noqa: E402
from equigrasp_interfaces.msg import Action, MotionResult  # noqa: E402
from equigrasp_interfaces.srv import PlanPushGrasp, SegmentScene  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.errors import CancelledError, ConfigError  # noqa: E402
from equigrasp.geometry.actions import Push  # noqa: E402
from equigrasp.perception.observation import LABELS, Observation  # noqa: E402
from equigrasp.primitives.outcome import PushOutcome  # noqa: E402
from equigrasp.ros.executor.goal_codes import GoalError  # noqa: E402
from equigrasp.ros.executor.goal_server import Goal  # noqa: E402
from equigrasp.ros.executor.push_goals import PushGoals  # noqa: E402
from equigrasp.ros.messages.heightmaps import to_heightmap_msg  # noqa: E402
from equigrasp.ros.messages.pushes import to_push_msg  # noqa: E402
from equigrasp.ros.messages.scenes import to_label_map_msg  # noqa: E402

CELL = load_config(CellConfig, "cells", "ur5_table")
TABLE = CELL.workspace("table")
CODES = MotionResult


class Robot:
    """A cell whose grasps hold something, and a policy that grasps at once."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.warnings: list[str] = []
        self.kind = int(Action.KIND_GRASP)
        self.failure: Exception | None = None  # of the look after the grasp
        self.pushes_left, self.moves_at = (
            0,
            -1,
        )  # pushes before the grasp; the one that moves something
        self.num_idle: list[int] = []  # pushes that the policy was told moved nothing
        size = TABLE.heightmap_size_px
        self.heights = np.zeros((size, size), np.float32)
        self.labels = np.zeros((size, size), np.uint8)
        self.heights[60:80, 60:80], self.labels[60:80, 60:80] = 0.04, 1
        cell: Any = SimpleNamespace(
            config=CELL,
            arm=SimpleNamespace(joint_state=lambda: SimpleNamespace(positions=np.zeros(6))),
        )
        planner: Any = SimpleNamespace(is_in_view=lambda workspace, positions: True)
        grasps: Any = SimpleNamespace(
            move_home=lambda goal: self.did.append("home"),
            carry_out=self.grasp,
            push_along=self.push,
        )
        segment: Any = SimpleNamespace(ask=self.segment)
        plan: Any = SimpleNamespace(ask=self.plan)
        clock: Any = SimpleNamespace(stamp=lambda: 1.0)
        push: Any = SimpleNamespace(cell=cell, planner=planner)
        self.goals = PushGoals(grasps, push, clock, segment, plan, self.warnings.append)

    def grasp(self, *arguments: Any) -> bool:
        self.did.append("grasp")
        self.heights[:], self.labels[:] = 0.0, 0
        return True

    def seen(self, response: Any) -> Any:
        scene = Observation.of_heightmap(self.heights.copy(), TABLE, 1.0)
        scene.arrays[LABELS] = self.labels.copy()
        response.heightmap, response.labels = to_heightmap_msg(scene), to_label_map_msg(scene)
        return response

    def segment(self, request: Any, cancel: threading.Event) -> Any:
        if self.failure is not None:
            raise self.failure
        return self.seen(SegmentScene.Response())

    def plan(self, request: Any, cancel: threading.Event) -> Any:
        self.num_idle.append(len(request.idle_pushes))
        is_push = self.pushes_left > 0
        kind = int(Action.KIND_PUSH) if is_push else self.kind
        push = to_push_msg(Push(TABLE.center_x, TABLE.center_y, 0.02, 0.5, 0.1), "table", 1.0)
        response = PlanPushGrasp.Response(kind=kind, target_id=1, score=0.9, push=push)
        return self.seen(response)

    def push(self, goal: Goal, push: Push, workspace: str) -> PushOutcome:
        self.pushes_left -= 1
        self.did.append("push")
        if self.pushes_left == self.moves_at:
            self.heights[100:120, 100:120] = 0.04
        return PushOutcome(0.1, True, False, 1.0, 0.0)

    def take(self, **request: Any) -> PushGrasp.Result:
        goal = Goal(
            PushGrasp.Goal(workspace="table", **request),
            PushGrasp.Result(),
            threading.Event(),
            lambda phase: None,
            PushGrasp.Feedback(),
        )
        self.goals.push_grasp(goal)
        result: PushGrasp.Result = goal.result
        return result


@pytest.fixture
def robot() -> Robot:
    return Robot()


def test_the_policy_is_told_which_pushes_moved_nothing(robot: Robot) -> None:
    robot.pushes_left, robot.moves_at = 4, 1
    result = robot.take(max_pushes=5)
    assert robot.did == ["home", *["push"] * 4, "grasp"] and result.num_pushes == 4
    assert robot.num_idle == [0, 1, 2, 0, 1]  # after the third push something lies elsewhere


def test_a_target_whose_place_is_empty_is_taken(robot: Robot) -> None:
    result = robot.take()
    assert result.is_success and result.is_target_taken and not robot.warnings


def test_a_grasp_whose_last_look_fails_is_carried_out_all_the_same(robot: Robot) -> None:
    robot.failure = GoalError(CODES.LABELS_FAILED, "no masks")
    result = robot.take()
    assert result.is_success and not result.is_target_taken
    assert robot.warnings == ["Whether the target was taken is not known: no masks"]


def test_a_cancel_in_the_last_look_is_one(robot: Robot) -> None:
    robot.failure = CancelledError("cancelled")
    with pytest.raises(CancelledError):
        robot.take()


@pytest.mark.parametrize("kind", [Action.KIND_STEP, 77])
def test_a_plan_of_another_kind_is_not_carried_out(robot: Robot, kind: int) -> None:
    robot.kind = int(kind)
    with pytest.raises(GoalError, match=f"found an action of kind {kind}") as refused:
        robot.take()
    assert refused.value.code == CODES.UNSUPPORTED and robot.did == ["home"]


@pytest.mark.parametrize("threshold", [1.01, math.inf])
def test_a_threshold_out_of_range_is_refused_before_moving(robot: Robot, threshold: float) -> None:
    with pytest.raises(ConfigError, match=r"score_threshold must be in \[0, 1\]"):
        robot.take(score_threshold=threshold)
    assert not robot.did


@pytest.mark.parametrize("threshold", [-1.0, math.nan, -math.inf, 0.0, 1.0])
def test_other_thresholds_are_not(robot: Robot, threshold: float) -> None:
    assert robot.take(score_threshold=threshold).is_success
