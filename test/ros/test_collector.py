"""The collector between an executor and a policy that a test plays."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402
from driver_node import active, ros  # noqa: E402
from equigrasp_interfaces.action import CollectExperience, ExecuteAction, MoveHome  # noqa: E402
from equigrasp_interfaces.msg import Action, Experience, LearnerStatus, MotionResult  # noqa: E402
from equigrasp_interfaces.msg import Phase as PhaseMsg  # noqa: E402
from equigrasp_interfaces.srv import PlanAction, PlanGrasp  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.action import ActionServer  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402

from equigrasp.primitives.outcome import Phase  # noqa: E402
from equigrasp.ros import (
    names,  # noqa: E402
    qos,  # noqa: E402
)
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.training.collection import Collection
from equigrasp.ros.training.collector_node import CollectorNode  # noqa: E402

pytestmark = pytest.mark.ros


class Partners:
    """Executor and policy: grasps miss, trays are as full as the test says.

    Attributes:
        did: What they were asked for, in order: `look TRAY`, `grasp TRAY`, `home`.
        is_empty: Trays without an object.
        hits: Grasps, counted from 0, that succeed.
        failing: Error codes of the next grasps.
        failures: In a row, as the policy was told.
        discounts: Of the next actions; 0 once they are used up: each is an episode of its own.
        shows_tray: Whether a grasp tells when the camera sees the tray, and waits for a look.
        pushes: Looks, counted from 0, after which a rule beside the method pushes.
    """

    def __init__(self, node: Node) -> None:
        self.node: CollectorNode | None = None
        self.did: list[str] = []
        self.is_empty: set[str] = set()
        self.hits: set[int] = set()
        self.failing: list[int] = []
        self.failures: list[int] = []
        self.discounts: list[float] = []
        self.shows_tray = False
        self.pushes: set[int] = set()
        group = ReentrantCallbackGroup()
        self._kept = [
            ActionServer(node, kind, name, work, callback_group=group)
            for kind, name, work in (
                (ExecuteAction, names.EXECUTE_ACTION, self._act),
                (MoveHome, names.MOVE_HOME, self._go_home),
            )
        ]
        self.told: list[int] = []  # numbers of the attempts
        self.episodes: list[int] = []  # and of their episodes
        self.attempt_times: list[float] = []
        self._clock = node.create_publisher(Clock, "/clock", 1)
        self.may_go_home = threading.Event()
        self.may_go_home.set()
        node.create_subscription(
            Experience,
            names.EXPERIENCE,
            self._on_experience,
            qos.experience(),
        )
        self._status = node.create_publisher(LearnerStatus, names.LEARNER_STATUS, qos.latched())
        self._service = node.create_service(
            PlanAction, names.PLAN_ACTION, self._plan, callback_group=group
        )

    def tell_time(self, begin: float, duration: float) -> None:
        """Tell simulated time for so many seconds, at real time."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < duration:
            self._clock.publish(Clock(clock=to_time(begin + passed)))
            time.sleep(0.01)
            if passed > 1.0:
                self.may_go_home.set()

    def _on_experience(self, message: Experience) -> None:
        self.told.append(int(message.attempt))
        self.episodes.append(int(message.episode))
        self.attempt_times.append(float(message.attempt_time))

    def learn(self, num_attempts: int) -> None:
        """Say that so many attempts are on disk."""
        self._status.publish(LearnerStatus(num_attempts=num_attempts))

    def grasps(self) -> list[str]:
        """Return the trays that were picked from."""
        return [what.partition(" ")[2] for what in self.did if what.startswith("grasp")]

    def _plan(
        self, request: PlanAction.Request, response: PlanAction.Response
    ) -> PlanAction.Response:
        self.did.append(f"look {request.workspace}")
        self.failures.append(request.num_consecutive_failures)
        response.action.grasp.workspace = request.workspace
        if len(self.failures) - 1 in self.pushes:
            response.action.kind = Action.KIND_PUSH
        if request.workspace in self.is_empty:
            response.error_code = PlanGrasp.Response.EMPTY_WORKSPACE
        return response

    def _act(self, handle: object) -> ExecuteAction.Result:
        number, goal = len(self.grasps()), handle.request
        if goal.action.kind == Action.KIND_PUSH:
            self.did.append("push")
            if self.shows_tray:
                self._show_tray(handle, Phase.RETURN)
            handle.succeed()
            return ExecuteAction.Result(discount=1.0)
        workspace = goal.action.grasp.workspace
        assert goal.place_workspace != workspace
        self.did.append(f"grasp {workspace}")
        if self.shows_tray:
            self._show_tray(handle, Phase.PLACE if number in self.hits else Phase.RETURN)
        handle.succeed()
        code = self.failing.pop(0) if self.failing else 0
        return ExecuteAction.Result(
            motion=MotionResult(error_code=code),
            reward=float(number in self.hits and not code),
            discount=self.discounts.pop(0) if self.discounts and not code else 0.0,
        )

    def _show_tray(self, handle: object, phase: Phase) -> None:
        num_looks = len(self.failures)
        for _ in range(100):  # the first feedback may find nobody listening yet
            handle.publish_feedback(ExecuteAction.Feedback(phase=PhaseMsg(phase=int(phase))))
            time.sleep(0.05)
            if len(self.failures) > num_looks:
                return

    def _go_home(self, handle: object) -> MoveHome.Result:
        self.did.append("home")
        assert self.may_go_home.wait(10.0)
        handle.succeed()
        return MoveHome.Result()


@contextlib.contextmanager
def collecting(**parameters: object) -> Iterator[tuple[Partners, object]]:
    """Yield the partners and a function that has attempts made and returns the result."""
    with ros(free_domain(), **parameters):
        node = CollectorNode()
        action = CollectExperience, names.COLLECT_EXPERIENCE
        with active(node, *action, [], []) as client:
            partners = Partners(client._node)
            partners.node = node

            def collect(
                count: int, is_learning: bool = False, mode: int = Experience.MODE_TRAIN
            ) -> CollectExperience.Result:
                goal = CollectExperience.Goal(
                    num_attempts=count, mode=mode, is_learning=is_learning
                )
                sent = client.send_goal_async(goal)
                wait_for(sent.done, 20.0, "the acceptance")
                result = sent.result().get_result_async()
                wait_for(result.done, 30.0, f"{count} attempts; {partners.did}")
                return result.result().result

            yield partners, collect


def test_an_unknown_mode_is_refused_at_once() -> None:
    with collecting() as (partners, collect):
        result = collect(3, mode=9)
        assert result.error_code == CollectExperience.Result.INVALID_GOAL
        assert "mode 9" in result.error_msg and not partners.did


def test_a_node_that_is_not_active_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as (partners, collect):
        monkeypatch.setattr(partners.node, "is_active", False)
        assert collect(3).error_code == CollectExperience.Result.NOT_ACTIVE
        assert not partners.did


def test_what_nobody_foresaw_has_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Collection) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr(Collection, "run", fail)
    with collecting() as (_, collect):
        result = collect(3)
        assert result.error_code == CollectExperience.Result.UNEXPECTED
        assert "AttributeError: no such thing" in result.error_msg


def test_a_streak_of_failures_swaps_the_trays() -> None:
    with collecting(max_failures_in_a_row=3) as (partners, collect):
        partners.hits = {5}
        result = collect(10)
        assert (result.num_attempts, result.num_successes, result.num_faults) == (10, 1, 0)
        assert partners.grasps() == 3 * ["left"] + 6 * ["right"] + ["left"]
        swap = partners.did.index("grasp right")
        assert partners.did[swap - 2 : swap] == ["home", "look right"]  # nothing hides the tray


def test_a_streak_ends_in_the_same_tray_when_the_other_is_empty() -> None:
    with collecting(max_failures_in_a_row=2) as (partners, collect):
        partners.is_empty = {"right"}
        collect(6)
        assert partners.grasps() == 6 * ["left"]
        assert partners.did.count("look right") == 2


@pytest.mark.parametrize("shows_tray", [False, True])
def test_a_push_by_rule_is_no_attempt(shows_tray: bool) -> None:
    with collecting(max_failures_in_a_row=9) as (partners, collect):
        partners.shows_tray = shows_tray
        partners.pushes, partners.hits = {2}, {3}
        result = collect(4)
        assert (result.num_attempts, result.num_successes, result.num_faults) == (4, 1, 0)
        assert [what for what in partners.did if what[0] in "gp"] == [
            *2 * ["grasp left"], "push", *2 * ["grasp left"]
        ]  # fmt: skip
        assert partners.failures[:5] == [0, 1, 2, 2, 3]


def test_refused_grasps_count_as_failures_of_a_streak() -> None:
    with collecting(max_failures_in_a_row=2) as (partners, collect):
        partners.failing = [MotionResult.UNREACHABLE, MotionResult.IN_COLLISION]
        result = collect(2)
        assert (result.num_attempts, result.num_faults) == (2, 2)
        assert partners.grasps() == ["left", "left", "right", "right"]


def test_without_a_limit_trays_swap_when_empty_only() -> None:
    with collecting(max_failures_in_a_row=0) as (partners, collect):
        collect(15)
        assert partners.grasps() == 15 * ["left"]
        partners.is_empty = {"left"}
        collect(2)
        assert partners.grasps()[15:] == 2 * ["right"]


@pytest.mark.parametrize("shows_tray", [False, True])
def test_the_policy_is_told_of_failures_in_a_row_also_when_it_looks_ahead(
    shows_tray: bool,
) -> None:
    with collecting() as (partners, collect):
        partners.hits, partners.shows_tray = {2, 3}, shows_tray
        collect(6)
        assert partners.failures[:6] == [0, 1, 2, 0, 0, 1]


def test_after_a_fault_the_arm_goes_home_before_anybody_looks() -> None:
    with collecting() as (partners, collect):
        partners.failing = [0, MotionResult.GRIPPER_FAILED]
        result = collect(2)
        assert (result.num_attempts, result.num_faults) == (2, 1)
        fault = [i for i, what in enumerate(partners.did) if what == "grasp left"][1]
        assert partners.did[fault + 1 : fault + 4] == ["home", "look left", "grasp left"]


def test_actions_of_an_episode_share_its_number() -> None:
    with collecting(max_failures_in_a_row=2) as (partners, collect):
        partners.discounts = [0.9, 0.9, 0.0, 0.9]
        partners.failing = [0, 0, 0, 0, MotionResult.ARM_FAILED]  # ends the second one
        partners.learn(0)
        collect(6, is_learning=True)
        wait_for(lambda: len(partners.episodes) == 6, 5.0, "the attempts")
        assert partners.episodes == [0, 0, 0, 1, 2, 3]
        assert partners.grasps()[:6] == 6 * ["left"]  # one failure, then one more


def test_actions_without_a_primitive_end_the_goal() -> None:
    with collecting() as (partners, collect):
        partners.failing = [MotionResult.UNSUPPORTED]
        assert collect(3).error_code == CollectExperience.Result.INVALID_GOAL
        assert len(partners.grasps()) == 1


def test_no_number_is_given_twice_while_the_learner_is_away() -> None:
    with collecting() as (partners, collect):
        partners.learn(7)
        collect(3, is_learning=True)
        collect(2, is_learning=True)  # the learner has not heard of any
        wait_for(lambda: len(partners.told) == 5, 5.0, "the attempts")
        assert partners.told == [7, 8, 9, 10, 11]
        partners.learn(20)
        wait_for(
            lambda: bool(collect(1, is_learning=True)) and 20 in partners.told, 10.0, "number 20"
        )
        assert partners.told == sorted(set(partners.told))


def test_attempts_are_not_timed_from_before_simulated_time_was_told() -> None:
    with collecting(use_sim_time=True) as (partners, collect):
        partners.learn(0)
        partners.may_go_home.clear()  # nothing moves while time stands still
        later = threading.Timer(1.0, partners.tell_time, (1e9, 8.0))
        later.start()
        result = collect(2, is_learning=True)
        assert (result.num_attempts, result.error_code) == (2, 0), result.error_msg
        wait_for(lambda: partners.told[-2:] == [0, 1], 5.0, f"the attempts, not {partners.told}")
        assert max(partners.attempt_times) < 60.0
        later.join()
