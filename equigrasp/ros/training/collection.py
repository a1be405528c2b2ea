"""Attempt after attempt until a goal of `collect_experience` is reached."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from equigrasp_interfaces.action import CollectExperience, ExecuteAction, MoveHome
from equigrasp_interfaces.msg import Action, Experience, LearnerStatus, MotionResult
from equigrasp_interfaces.srv import PlanAction, PlanGrasp
from rclpy.action.server import ServerGoalHandle
from rclpy.client import Client
from rclpy.publisher import Publisher

from equigrasp.errors import DeviceError, DeviceTimeoutError, EquigraspError
from equigrasp.primitives.outcome import Phase
from equigrasp.ros import names
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.calls import Caller
from equigrasp.ros.runtime.parameters import parameter
from equigrasp.ros.runtime.ros_clock import RosClock
from equigrasp.seeding import Stream, derive_seed

_WINDOW = 50  # attempts in running figures
_MAX_FAULTS_IN_A_ROW = 20
_MAX_UNACKNOWLEDGED = 32  # attempts that may be under way to the learner
_LEARNER_TIMEOUT = 120.0  # [s, wall clock] it may take to acknowledge them
_CLOCK_TIMEOUT = 20.0  # [s, wall clock] until simulated time must be told
_FAULT_PAUSE = 1.0  # [s, wall clock] before trying again after a fault
_NOTHING_MOVED = (
    MotionResult.INVALID_GOAL,
    MotionResult.IN_COLLISION,
    MotionResult.UNREACHABLE,
)


@dataclass(frozen=True)
class CollectorNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    seed: int = parameter(0, "Seed of choices and places.", 0, 2**62)
    num_random_attempts: int = parameter(20, "Attempts of a run that are random.", 0, 100000)
    max_failures_in_a_row: int = parameter(
        10, "Failures in a row after which the trays swap roles; 0: only when empty.", 0, 10**6
    )
    num_attempts: int = parameter(
        0, "Begin by itself and learn until the run has so many; 0: wait for goals.", 0, 10**9
    )


@dataclass(eq=False)
class Partners:
    """Who takes part in collecting.

    Args:
        policy: Client of `plan_action`.
        executor: Client of `execute_action`.
        home: Client of `move_home`.
        experience: Publisher of attempts.
        learner_status: Returns the learner's newest report; None: nothing was heard.
        clock: Time of the robot.
        trays: Names of two; the first is picked from, the other placed into.
        next_attempt: Number of the next one; the learner may not have heard yet of those before it.
        next_episode: Number of its episode.
    """

    policy: Client
    executor: ActionClient
    home: ActionClient
    experience: Publisher
    learner_status: Callable[[], LearnerStatus | None]
    clock: RosClock
    trays: deque[str]
    next_attempt: int = 0
    next_episode: int = 0


class _Fault(EquigraspError):
    """An attempt ended by a fault: it is neither success nor failure."""


class Collection:
    """The attempts of one goal.

    Args:
        config: The node's.
        partners: Who takes part.
        handle: Of the goal.
        cancel: Set from any thread to stop.
        result: Is filled in as attempts are made.
        warn: Told of faults.
    """

    def __init__(
        self,
        config: CollectorNodeConfig,
        partners: Partners,
        handle: ServerGoalHandle,
        cancel: threading.Event,
        result: CollectExperience.Result,
        warn: Callable[[str], None],
    ) -> None:
        self._config = config
        self._partners = partners
        self._warn = warn
        self._handle = handle
        self._goal = handle.request
        self._result = result
        self._caller = Caller(cancel)
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=_WINDOW)
        self._plan: PlanAction.Response | None = None
        self._attempt = self._episode = 0
        self._is_in_episode = False  # whether the last action was not the last of its episode
        self._faults_in_a_row = 0
        self._failures = 0  # since a success or a swap of the trays, refused grasps included
        self._hides_view = True  # whether the arm may be over a tray
        self._attempt_began = 0.0

    def run(self) -> None:
        """Make the attempts; raises what ends the goal early."""
        self._attempt, self._episode = self._first_attempt()
        self._await_time()
        self._attempt_began = self._now()
        while self._result.num_attempts < self._goal.num_attempts:
            try:
                self._await_learner()
                self._try_once()
                self._faults_in_a_row = 0
            except (_Fault, DeviceError) as fault:
                self._plan = None
                self._episode += int(self._is_in_episode)  # what follows is another one
                self._is_in_episode = False
                self._result.num_faults += 1
                self._faults_in_a_row += 1
                self._warn(f"Attempt {self._attempt}: {fault}")
                if self._faults_in_a_row > _MAX_FAULTS_IN_A_ROW:
                    raise
                self._caller.pause(_FAULT_PAUSE)
                self._attempt_began = self._now()

    def _first_attempt(self) -> tuple[int, int]:
        """Return the numbers of the next attempt and its episode."""
        if not self._goal.is_learning:
            return 0, 0
        deadline = time.monotonic() + _LEARNER_TIMEOUT
        while (status := self._partners.learner_status()) is None:
            self._caller.pause(0.05)
            if time.monotonic() > deadline:
                self._result.error_code = CollectExperience.Result.LEARNER_SILENT
                raise _Fault("The learner does not report its status.")
        told = int(status.num_attempts), int(status.next_episode)
        return max(told, (self._partners.next_attempt, self._partners.next_episode))

    def _await_time(self) -> None:
        """Wait for simulated time: it is 0 until somebody tells it."""
        deadline = time.monotonic() + _CLOCK_TIMEOUT
        while self._partners.clock.stamp() == 0.0:
            self._caller.pause(0.01)
            if time.monotonic() > deadline:
                raise DeviceTimeoutError(
                    f"No time on '/clock' within {_CLOCK_TIMEOUT} s; is the simulation running?"
                )

    def _await_learner(self) -> None:
        """Hold back while too many attempts are not on disk yet."""
        deadline = time.monotonic() + _LEARNER_TIMEOUT
        while self._goal.is_learning:
            status = self._partners.learner_status()
            if status is not None and self._attempt - status.num_attempts < _MAX_UNACKNOWLEDGED:
                return
            self._caller.pause(0.05)
            if time.monotonic() > deadline:
                self._result.error_code = CollectExperience.Result.LEARNER_SILENT
                raise EquigraspError("The learner takes no more experience; is its disk full?")

    def _try_once(self) -> None:
        if self._hides_view:
            self._move_home()
        plan, self._plan = self._plan, None
        if 0 < self._config.max_failures_in_a_row <= self._failures:
            plan = self._swap_trays()
        plan = plan or self._plan_grasp()
        if plan.error_code == PlanGrasp.Response.EMPTY_WORKSPACE:
            plan = self._swap_trays()
        self._hides_view = True
        if plan.error_code:
            raise _Fault(plan.error_msg)
        outcome = self._execute(plan)
        self._hides_view = False
        now = self._now()
        if not _is_by_rule(plan):
            self._record(plan, outcome, now - self._attempt_began)
        self._attempt_began = now

    def _swap_trays(self) -> PlanAction.Response:
        """Pick from the other tray from now on, and choose a grasp in it."""
        self._partners.trays.rotate(1)
        self._failures = 0
        self._move_home()
        return self._plan_grasp()

    def _execute(self, plan: PlanAction.Response) -> ExecuteAction.Result:
        """Carry out an action and choose the next one as soon as the tray is in view."""
        has_view = threading.Event()
        view_stamp, is_miss = 0.0, False

        def on_feedback(message: Any) -> None:
            nonlocal view_stamp, is_miss
            phase = message.feedback.phase.phase
            if phase in (Phase.PLACE, Phase.RETURN):
                is_miss = phase == Phase.RETURN
                view_stamp = self._partners.clock.stamp()
                has_view.set()

        goal = ExecuteAction.Goal(
            action=plan.action,
            place_workspace=self._partners.trays[1],
            seed=self._seed(Stream.PLACES),
        )
        pending = self._caller.send_goal(self._partners.executor, goal, on_feedback)
        next_plan = None
        while not pending.is_done():
            if next_plan is None and has_view.wait(0.01):
                is_attempt = not _is_by_rule(plan)
                failures = self._failures + is_attempt if is_miss else 0
                request = self._plan_request(view_stamp, int(is_attempt), failures)
                next_plan = self._caller.call(self._partners.policy, request)
            elif next_plan is not None:
                self._caller.pause(0.005)
            self._caller.check()
        outcome = pending.result()
        motion = outcome.motion
        if motion.error_code:
            self._hides_view = motion.error_code not in _NOTHING_MOVED
            self._failures += not self._hides_view and not _is_by_rule(plan)
            if motion.error_code == MotionResult.UNSUPPORTED:
                self._result.error_code = CollectExperience.Result.INVALID_GOAL
                raise EquigraspError(motion.error_msg)
            raise _Fault(f"error {motion.error_code}: {motion.error_msg}")
        if next_plan is not None and next_plan.error_code in (
            0,
            PlanGrasp.Response.EMPTY_WORKSPACE,
        ):
            self._plan = next_plan
        return outcome

    def _mode(self, attempt: int) -> int:
        is_first = attempt < self._config.num_random_attempts
        if self._goal.mode == Experience.MODE_TRAIN and is_first:
            return int(Experience.MODE_RANDOM)
        return int(self._goal.mode)

    def _plan_request(self, not_before: float, ahead: int, failures: int) -> PlanAction.Request:
        return PlanAction.Request(
            workspace=self._partners.trays[0],
            mode=self._mode(self._attempt + ahead),
            seed=self._seed(Stream.CHOICES, ahead),
            num_consecutive_failures=failures,
            not_before=to_time(not_before),
        )

    def _plan_grasp(self) -> PlanAction.Response:
        request = self._plan_request(self._partners.clock.stamp(), 0, self._failures)
        return self._caller.call(self._partners.policy, request)

    def _move_home(self) -> None:
        pending = self._caller.send_goal(self._partners.home, MoveHome.Goal())
        while not pending.is_done():
            self._caller.pause(0.01)
        motion = pending.result().motion
        if motion.error_code:
            raise _Fault(f"cannot move home: {motion.error_msg}")
        self._hides_view = False

    def _record(
        self, plan: PlanAction.Response, outcome: ExecuteAction.Result, attempt_time: float
    ) -> None:
        motion = outcome.motion
        waiting = max(0.0, attempt_time - motion.duration)  # the arm stood still between goals
        idle = motion.idle_time + waiting
        is_success = outcome.reward > 0.0
        is_last = outcome.discount == 0.0 or outcome.is_truncated
        if is_last:
            self._failures = 0 if is_success else self._failures + 1
        if self._goal.is_learning:
            message = Experience(
                attempt=self._attempt,
                episode=self._episode,
                observation=plan.observation.arrays,
                action=plan.action.encoded,
                reward=outcome.reward,
                discount=outcome.discount,
                is_truncated=outcome.is_truncated,
                policy_version=plan.action.policy_version,
                finger_width=motion.finger_width,
                decision_time=plan.decision_time,
                attempt_time=attempt_time,
                idle_time=idle,
                mode=self._mode(self._attempt),
            )
            message.header.stamp = to_time(self._partners.clock.stamp())
            message.header.frame_id = names.BASE_FRAME
            self._partners.experience.publish(message)
        self._attempt += 1
        self._episode += int(is_last)
        self._is_in_episode = not is_last
        if self._goal.is_learning:
            self._partners.next_attempt, self._partners.next_episode = self._attempt, self._episode
        self._result.num_attempts += 1
        self._result.num_successes += int(is_success)
        self._recent.append((float(is_success), attempt_time, idle))
        self._report(plan.action.policy_version, is_success)

    def _report(self, policy_version: int, is_success: bool) -> None:
        success, times, idle = (sum(column) for column in zip(*self._recent, strict=True))
        feedback = CollectExperience.Feedback(
            num_attempts=self._result.num_attempts,
            num_successes=self._result.num_successes,
            num_faults=self._result.num_faults,
            running_success_rate=success / len(self._recent),
            attempts_per_hour=3600.0 * len(self._recent) / max(times, 1e-9),
            idle_share=idle / max(times, 1e-9),
            policy_version=policy_version,
            is_last_success=is_success,
        )
        self._handle.publish_feedback(feedback)

    def _seed(self, stream: Stream, ahead: int = 0) -> int:
        return derive_seed(
            self._config.seed, stream, self._attempt + ahead, self._result.num_faults
        )

    def _now(self) -> float:
        return self._partners.clock.now()


def _is_by_rule(plan: PlanAction.Response) -> bool:
    """Tell whether an action is no attempt: a push that comes with nothing to learn from."""
    return plan.action.kind == Action.KIND_PUSH and not plan.observation.arrays
