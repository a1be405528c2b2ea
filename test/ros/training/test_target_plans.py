"""Requests for a target that cannot be planned for end with a code each."""

import math
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("equigrasp_interfaces")

from equigrasp_interfaces.msg import Action, Target  # noqa: E402
from equigrasp_interfaces.msg import Push as PushMsg  # noqa: E402
from equigrasp_interfaces.srv import PlanGrasp, PlanPushGrasp, SegmentScene  # noqa: E402

from equigrasp.errors import ConfigError, DeviceTimeoutError  # noqa: E402
from equigrasp.geometry.actions import PlanarGrasp, Push  # noqa: E402
from equigrasp.geometry.workspace import Workspace  # noqa: E402
from equigrasp.learning.interfaces import (  # noqa: E402
    PUSH_MAP,
    Context,
    Decision,
    EmptyWorkspaceError,
)
from equigrasp.methods.registry import load_method  # noqa: E402
from equigrasp.perception.observation import LABELS, TARGET, Observation  # noqa: E402
from equigrasp.ros.messages.pushes import to_push_msg  # noqa: E402
from equigrasp.ros.messages.scenes import to_label_map_msg  # noqa: E402
from equigrasp.ros.messages.times import to_time  # noqa: E402
from equigrasp.ros.training import (
    policy_node,  # noqa: E402
    remote_segmenter,  # noqa: E402
)
from equigrasp.ros.training.plan_codes import PlanError  # noqa: E402
from equigrasp.ros.training.remote_segmenter import RemoteSegmenter  # noqa: E402
from equigrasp.ros.training.target_plans import TargetPlans  # noqa: E402

CODES = PlanPushGrasp.Response
TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)
BOXES = {1: (60, 60), 2: (90, 60), 3: (2, 60)}  # the last one is seen, but out of reach


class Scene:
    """A table with boxes, a camera, a segmenter and a policy that grasps at once or pushes."""

    def __init__(self) -> None:
        self.boxes = dict(BOXES)
        self.stamp = 10.0
        self.is_blind = False  # the segmenter
        self.contexts: list[tuple[Observation, Context]] = []
        self.action: Any = PlanarGrasp(0.45, -0.1, 0.02, 0.0, 0.06)
        self.views = {PUSH_MAP: np.array([[np.nan, 0.25]])}
        self.plans = TargetPlans(
            self.look, self.choose, lambda: self.stamp, self, takes_targets=True
        )

    def look(self, name: str, not_before: float) -> Observation:
        heights = np.zeros((160, 160), np.float32)
        for row, col in self.boxes.values():
            heights[row : row + 14, col : col + 14] = 0.04
        self.stamp = max(self.stamp, not_before)
        return Observation.of_heightmap(heights, TABLE, self.stamp)

    def segment(self, observation: Observation) -> np.ndarray:
        labels = np.zeros((160, 160), np.uint8)
        for label, (row, col) in {} if self.is_blind else self.boxes.items():
            labels[row : row + 14, col : col + 14] = label
        return labels

    def choose(self, observation: Observation, context: Context, seed: int) -> Decision[Any]:
        self.contexts.append((observation, context))
        goal = dict(observation.goal) or {TARGET: observation.arrays[LABELS] == 2}
        encoded = {k: np.asarray(0, np.int32) for k in ("kind", "row", "col", "bin")}
        return Decision(self.action, encoded, 0.7, self.views, goal=goal)

    def see(self) -> SegmentScene.Response:
        response = SegmentScene.Response()
        self.plans.segment(SegmentScene.Request(workspace="table"), response)
        return response

    def plan(self, **request: Any) -> PlanPushGrasp.Response:
        response = PlanPushGrasp.Response()
        self.plans.plan(PlanPushGrasp.Request(workspace="table", **request), response, "greedy")
        return response

    def refusal(self, **request: Any) -> int:
        with pytest.raises(PlanError) as refused:
            self.plan(**request)
        return refused.value.code


def by_id(label: int, stamp: float = 0.0) -> Target:
    return Target(kind=Target.KIND_ID, id=label, segmented_at=to_time(stamp))


def at_point(x: float, y: float, frame: str = "base_link") -> Target:
    target = Target(kind=Target.KIND_POINT)
    target.point.header.frame_id = frame
    target.point.point.x, target.point.point.y = x, y
    return target


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_scene_is_segmented(scene: Scene) -> None:
    answer = scene.see()
    assert [thing.id for thing in answer.objects] == [1, 2, 3]
    assert answer.labels.size_px == answer.heightmap.size_px == 160
    assert sum(np.asarray(answer.labels.data) == 2) == 14 * 14
    assert answer.objects[1].area == pytest.approx(196 * TABLE.pixel_size**2)


@pytest.mark.parametrize("target", [by_id(1), at_point(*TABLE.pixel_to_xy(66, 66))])
def test_a_target_is_aimed_at(scene: Scene, target: Target) -> None:
    scene.see()
    answer = scene.plan(target=target, num_pushes=2, score_threshold=0.5)
    assert (answer.kind, answer.target_id) == (Action.KIND_GRASP, 1)
    assert answer.score == pytest.approx(0.7) and math.isnan(answer.push_value)
    observation, context = scene.contexts[-1]
    assert np.array_equal(observation.goal[TARGET], observation.arrays[LABELS] == 1)
    limits = context.push_limits
    assert limits is not None
    assert (limits.num_pushes, limits.max_pushes, limits.score_threshold) == (2, 5, 0.5)


@pytest.mark.parametrize("threshold", [-1.0, float("nan")])
def test_without_a_target_or_threshold_the_policy_decides(scene: Scene, threshold: float) -> None:
    scene.action = Push(0.45, -0.1, 0.02, 0.0, 0.1)
    answer = scene.plan(score_threshold=threshold)
    assert (answer.kind, answer.target_id) == (Action.KIND_PUSH, 2)
    assert answer.push_value == pytest.approx(0.25) and answer.push.length == pytest.approx(0.1)
    observation, context = scene.contexts[-1]
    assert not observation.goal and context.push_limits is not None
    assert context.push_limits.score_threshold is None


@pytest.mark.parametrize("views", [{}, {PUSH_MAP: np.full((2, 2), np.nan)}])
def test_a_push_without_a_rating_has_no_value(scene: Scene, views: dict[str, np.ndarray]) -> None:
    scene.action, scene.views = Push(0.45, -0.1, 0.02, 0.0, 0.1), views
    answer = scene.plan()
    assert answer.kind == Action.KIND_PUSH and math.isnan(answer.push_value)


def test_a_method_whose_pushes_are_drawn_by_a_rule_is_planned_with(scene: Scene) -> None:
    method, config = load_method("push_grasp/nearest_push", "tiny")
    policy = method.make_policy(config, method.make_networks(config, 0))
    scene.plans = TargetPlans(
        scene.look,
        lambda seen, context, seed: policy.choose(seen, context, np.random.default_rng(seed)),
        lambda: scene.stamp,
        scene,
        takes_targets=True,
    )
    scene.boxes = {1: (60, 60), 2: (76, 60)}
    answer = scene.plan(target=at_point(*TABLE.pixel_to_xy(66, 66)), score_threshold=1.0)
    assert answer.kind == Action.KIND_PUSH and answer.target_id == 1
    assert math.isnan(answer.push_value) and 0.0 <= answer.score <= 1.0


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"target": by_id(4)}, CODES.UNKNOWN_TARGET),
        ({"target": by_id(0)}, CODES.UNKNOWN_TARGET),
        ({"target": by_id(3)}, CODES.TARGET_HIDDEN),
        ({"target": by_id(1, stamp=3.0)}, CODES.STALE_LABELS),
        ({"target": by_id(1), "not_before": to_time(11.0)}, CODES.STALE_LABELS),
        ({"target": at_point(*TABLE.pixel_to_xy(30, 30))}, CODES.UNKNOWN_TARGET),
        ({"target": at_point(0.9, 0.0)}, CODES.POINT_OUTSIDE),
        ({"target": at_point(float("nan"), 0.0)}, CODES.POINT_OUTSIDE),
        ({"target": at_point(0.45, -0.1, "camera")}, CODES.POINT_OUTSIDE),
        ({"target": Target(kind=9)}, CODES.BAD_REQUEST),
        ({"score_threshold": 1.5}, CODES.BAD_REQUEST),
        ({"idle_pushes": [PushMsg(workspace="table")]}, CODES.BAD_REQUEST),  # without a length
    ],
)
def test_what_cannot_be_planned_for_has_a_code(
    scene: Scene, request_: dict[str, Any], code: int
) -> None:
    scene.see()
    assert scene.refusal(**request_) == code
    assert not scene.contexts
    scene.see()
    assert scene.plan(target=by_id(2)).target_id == 2  # the next request works


def test_pushes_that_moved_nothing_come_to_the_policy(scene: Scene) -> None:
    push = Push(0.4, -0.1, 0.02, 0.5, 0.1)
    scene.plan(target=Target(), idle_pushes=[to_push_msg(push, "table", 3.0)])
    assert scene.contexts[-1][1].idle_pushes == (push,)


def test_a_number_needs_a_segmentation(scene: Scene) -> None:
    assert scene.refusal(target=by_id(1)) == CODES.UNKNOWN_TARGET


def test_a_number_of_a_scene_that_moved_is_stale(scene: Scene) -> None:
    scene.see()
    scene.boxes[2] = (110, 60)
    assert scene.refusal(target=by_id(1)) == CODES.STALE_LABELS
    scene.see()
    assert scene.plan(target=by_id(1)).target_id == 1


def test_a_stamp_that_went_through_floats_is_not_stale(scene: Scene) -> None:
    scene.see()
    assert scene.plan(target=by_id(1), not_before=to_time(10.0 + 5e-7)).target_id == 1


def test_nothing_found_differs_from_nothing_there(scene: Scene) -> None:
    scene.is_blind = True
    assert scene.see().objects == []
    assert scene.refusal() == CODES.NO_MASKS
    scene.boxes.clear()
    with pytest.raises(EmptyWorkspaceError, match="'table' is empty"):
        scene.plan()


def test_a_method_without_targets_says_so(scene: Scene) -> None:
    scene.plans = TargetPlans(scene.look, scene.choose, lambda: 0.0, scene, takes_targets=False)
    assert scene.refusal() == CODES.NO_TARGETS


class Answers:
    """A service client and what answers it."""

    srv_name = "/masks/segment_scene"

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer = answer


def labelled(scene: Scene, stamp: float = 10.0, **changes: Any) -> SegmentScene.Response:
    seen = scene.look("table", 0.0)
    arrays = {**seen.arrays, LABELS: scene.segment(seen)}
    message = to_label_map_msg(Observation(arrays, TABLE, stamp))
    for key, value in changes.items():
        setattr(message, key, value)
    return SegmentScene.Response(labels=message)


def remote(answer: Callable[[Any], Any]) -> RemoteSegmenter:
    return RemoteSegmenter(Answers(answer), 1.0, threading.Event())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size_px": 128}, CODES.BAD_LABELS),
        ({"data": [1, 2, 3]}, CODES.BAD_LABELS),
        ({"pixel_size": 0.002}, CODES.BAD_LABELS),
        ({"center_x": 0.5}, CODES.BAD_LABELS),
        ({"workspace": "bin"}, CODES.BAD_LABELS),
        ({"stamp": 9.5}, CODES.STALE_LABELS),
    ],
)
def test_labels_of_another_node_are_checked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], code: int
) -> None:
    monkeypatch.setattr(
        remote_segmenter.Caller,
        "call",
        lambda self, client, request, timeout: client.answer(request),
    )
    seen = scene.look("table", 0.0)
    good = remote(lambda request: labelled(scene))
    assert np.array_equal(good.segment(seen), scene.segment(seen))
    bad = remote(lambda request: labelled(scene, **changes))
    with pytest.raises(PlanError) as refused:
        bad.segment(seen)
    assert refused.value.code == code


def test_a_silent_or_failing_node_has_a_code(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall_silent(request: Any) -> Any:
        raise DeviceTimeoutError("no answer")

    def fail(request: Any) -> Any:
        return SegmentScene.Response(error_code=101, error_msg="no camera")

    monkeypatch.setattr(
        remote_segmenter.Caller,
        "call",
        lambda self, client, request, timeout: client.answer(request),
    )
    for answer in (fall_silent, fail):
        with pytest.raises(PlanError) as refused:
            remote(answer).segment(scene.look("table", 0.0))
        assert refused.value.code == CODES.SEGMENTER_FAILED


def test_a_deactivation_ends_the_wait_for_another_node(scene: Scene) -> None:
    is_halted = threading.Event()
    is_halted.set()
    client: Any = SimpleNamespace(srv_name="masks", service_is_ready=lambda: False)
    with pytest.raises(PlanError, match="deactivated while 'masks'") as refused:
        RemoteSegmenter(client, 60.0, is_halted).segment(scene.look("table", 0.0))
    assert refused.value.code == PlanGrasp.Response.NOT_ACTIVE


@pytest.mark.parametrize("name", ["segment_scene", "/lab/segment_scene"])
def test_the_policy_does_not_ask_itself_for_labels(name: str) -> None:
    node: Any = SimpleNamespace(
        _config=policy_node.PolicyNodeConfig(segmenter=name),
        resolve_service_name=lambda wanted: wanted if wanted[0] == "/" else f"/lab/{wanted}",
    )
    with pytest.raises(ConfigError, match="this node's own service"):
        policy_node.PolicyNode._make_segmenter(node)
