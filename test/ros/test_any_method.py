"""The graph carries a method that it does not know: from a depth image to weights, in real processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from domains import free_domain
from equigrasp_interfaces.msg import (
    Action,
    Experience,
    LabelMap,
    LearnerStatus,
    PolicyUpdate,
    Target,
)
from equigrasp_interfaces.srv import PlanAction, PlanGrasp, PlanPushGrasp, SegmentScene
from other_driver import REMAPPINGS, OtherDriver
from sensor_msgs.msg import Image
from test_nodes import Bench

from equigrasp.geometry.actions import GripperStep
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.ros import names, qos
from equigrasp.ros.messages.actions import from_action_msg
from equigrasp.ros.messages.arrays import from_array_msgs

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[2]
NUM_STEPS = 8  # the toy learns from the fourth on


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'test' / 'contract'}")
    method = tmp_path / "toy.yaml"
    method.write_text("method: toy_method:METHOD\n", encoding="utf-8")
    made = Bench(tmp_path, domain_id=free_domain())
    arguments = ("-p", f"method:={method}", "-p", f"out:={tmp_path / 'run'}")
    made.start("training.policy", *arguments, *REMAPPINGS)
    made.start("training.learner", *arguments)
    yield made
    made.close()


def _ask(bench: Bench, service: Any, name: str) -> Any:
    """Ask for an action until the policy is active."""
    while True:
        request = service.Request(workspace="left", mode=Experience.MODE_TRAIN, seed=3)
        request.not_before = bench.node.get_clock().now().to_msg()
        answer = bench.call(service, name, request)
        if answer.error_code != PlanGrasp.Response.NOT_ACTIVE:
            return answer


def test_a_method_of_your_own_acts_and_learns(bench: Bench, tmp_path: Path) -> None:
    driver = OtherDriver(bench.node)
    updates, reports = list[PolicyUpdate](), list[LearnerStatus]()
    listen = bench.node.create_subscription
    listen(PolicyUpdate, names.POLICY_UPDATE, updates.append, qos.latched())
    listen(LearnerStatus, names.LEARNER_STATUS, reports.append, qos.latched())
    experience = bench.node.create_publisher(Experience, names.EXPERIENCE, qos.experience())
    bench.spin_until(lambda: bool(reports), 30.0, "the learner")
    versions = []
    for number in range(NUM_STEPS):
        answer = _ask(bench, PlanAction, names.PLAN_ACTION)
        assert answer.error_code == 0, answer.error_msg
        assert answer.action.kind == Action.KIND_STEP
        step = from_action_msg(answer.action)
        assert isinstance(step, GripperStep)
        velocity = from_array_msgs(answer.action.encoded)["velocity"]
        assert step.d_position == (*velocity.tolist(), 0.0)
        assert from_array_msgs(answer.observation.arrays)["points"].shape[1] == 3
        versions.append(answer.action.policy_version)
        is_last = number % 2 == 1
        message = Experience(
            attempt=number,
            episode=number // 2,
            observation=answer.observation.arrays,
            action=answer.action.encoded,
            reward=float(is_last),
            discount=0.0 if is_last else 0.9,
        )
        experience.publish(message)
        bench.spin_until(
            lambda n=number: reports[-1].num_attempts == n + 1, 20.0, "the step on disk"
        )
    bench.spin_until(
        lambda: bool(updates) and updates[-1].version == NUM_STEPS - 3, 20.0, "its weights"
    )
    assert reports[-1].metric_names == ["toy_error"] and reports[-1].metric_values[0] >= 0.0
    assert updates[-1].method == "toy" and versions[0] == 0

    def acts_by_them() -> bool:
        answer = _ask(bench, PlanAction, names.PLAN_ACTION)
        return bool(answer.action.policy_version == NUM_STEPS - 3)

    bench.spin_until(acts_by_them, 20.0, "the policy to take over weights")
    log = ExperienceLog(tmp_path / "run" / "experience.log", is_writing=False)
    steps = [step for step, _ in log]
    assert [s.episode for s in steps] == [n // 2 for n in range(NUM_STEPS)]
    assert all(s.is_last == (n % 2 == 1) for n, s in enumerate(steps))
    refused = _ask(bench, PlanGrasp, names.PLAN_GRASP)
    assert refused.error_code == PlanGrasp.Response.NO_GRASP
    assert "Method 'toy' chose no grasp; call 'plan_action'" in refused.error_msg
    assert driver is not None


def test_push_grasp_labels_what_it_sees_and_says_what_it_aims_at(tmp_path: Path) -> None:
    bench = Bench(tmp_path, domain_id=free_domain())
    try:
        bench.start("training.policy", "-p", "method:=push_grasp:tiny", *REMAPPINGS)
        driver = OtherDriver(bench.node)
        answer = _ask(bench, PlanAction, names.PLAN_ACTION)
        assert answer.error_code == 0, answer.error_msg
        assert answer.action.kind in (Action.KIND_GRASP, Action.KIND_PUSH)
        seen = from_array_msgs(answer.observation.arrays)
        assert set(seen) == {"heightmap", "labels", "target"}
        mask = seen["labels"] == seen["target"]
        assert mask.sum() >= 60 and (seen["heightmap"][mask] > 0).mean() > 0.9
        encoded = from_array_msgs(answer.action.encoded)
        assert int(encoded["kind"]) == answer.action.kind
        images: dict[str, list[Image]] = {}
        for name in (names.Q_MAP_IMAGE, names.PUSH_MAP_IMAGE):
            heard = images.setdefault(name, [])
            bench.node.create_subscription(Image, name, heard.append, qos.latched())
        labels = list[LabelMap]()
        bench.node.create_subscription(LabelMap, names.LABELS, labels.append, qos.latched())
        scene = bench.call(
            SegmentScene, names.SEGMENT_SCENE, SegmentScene.Request(workspace="left")
        )
        (box,) = scene.objects
        assert box.height == pytest.approx(0.05, abs=0.005)
        assert box.box_lower.x < box.centroid.x < box.box_upper.x
        target = Target(kind=Target.KIND_ID, id=box.id)
        target.segmented_at = scene.labels.header.stamp
        client = bench.node.create_client(PlanPushGrasp, names.PLAN_PUSH_GRASP)
        bench.spin_until(client.service_is_ready, 60.0, names.PLAN_PUSH_GRASP)
        for threshold, name in ((0.0, names.Q_MAP_IMAGE), (1.0, names.PUSH_MAP_IMAGE)):
            request = PlanPushGrasp.Request(workspace="left", score_threshold=threshold)
            request.target = target
            bench.spin_until(
                lambda n=name: bool(bench.node.count_publishers(n)), 20.0, f"publisher of {name}"
            )

            def is_drawn(wanted: Any = request, shown: str = name) -> bool:
                future = client.call_async(wanted)
                bench.spin_until(future.done, 30.0, f"an answer of {names.PLAN_PUSH_GRASP}")
                plan = future.result()
                assert plan.error_code == 0, plan.error_msg
                assert plan.kind == int(shown == names.PUSH_MAP_IMAGE)
                assert np.isfinite(plan.push_value) == (plan.kind == Action.KIND_PUSH)
                assert plan.labels == scene.labels and plan.target_id == box.id
                return bool(images[shown])

            bench.spin_until(is_drawn, 30.0, f"a picture on {name}")
        assert labels[-1] == scene.labels
        assert driver is not None
    finally:
        bench.close()
