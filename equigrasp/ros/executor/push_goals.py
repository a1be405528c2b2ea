"""What goals of execute_push and push_grasp have the robot do."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from equigrasp_interfaces.msg import Action, MotionResult, Target
from equigrasp_interfaces.srv import PlanPushGrasp, SegmentScene

from equigrasp.errors import CancelledError, EquigraspError
from equigrasp.geometry.actions import Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.perception.scene_change import idle_after, is_gone
from equigrasp.perception.target_tracker import TargetTracker
from equigrasp.primitives.outcome import Phase, PushOutcome
from equigrasp.primitives.push import PushPrimitive
from equigrasp.ros.executor.goal_codes import GoalError
from equigrasp.ros.executor.goal_server import Goal
from equigrasp.ros.executor.grasp_goals import GraspGoals
from equigrasp.ros.executor.policy_calls import PolicyCall
from equigrasp.ros.messages.heightmaps import from_heightmap_msg
from equigrasp.ros.messages.pushes import from_push_msg, to_push_limits, to_push_msg
from equigrasp.ros.messages.scenes import from_label_map_msg
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.runtime.ros_clock import RosClock

_MOST_IDLE = 100  # of which plan_push_grasp is told
_SHORTEST = 1e-3  # [m] a push that was blocked at once still has a direction


class PushGoals:
    """Carries goals out in one cell.

    Args:
        grasps: Carries out grasps and pushes.
        push: Tells cell and planner.
        clock: Time of the robot.
        segment: The service segment_scene.
        plan: The service plan_push_grasp.
        warn: Told of what a person should know.
    """

    def __init__(
        self,
        grasps: GraspGoals,
        push: PushPrimitive,
        clock: RosClock,
        segment: PolicyCall,
        plan: PolicyCall,
        warn: Callable[[str], object],
    ) -> None:
        self._grasps, self._cell, self._planner = grasps, push.cell, push.planner
        self._clock, self._warn = clock, warn
        self._segment_call, self._plan_call = segment, plan

    def execute_push(self, goal: Goal) -> None:
        """Carry out the push that the request holds."""
        message, result = goal.request.push, goal.result
        push = from_push_msg(message)
        with self._measured(goal) as measured:
            outcome = self._grasps.push_along(measured, push, message.workspace)
        result.is_contact, result.length = outcome.is_contact, outcome.length
        if outcome.is_blocked:
            raise _blocked(outcome)

    def push_grasp(self, goal: Goal) -> None:
        """Push until a grasp on the target will hold, then grasp it; the target is followed by sight."""
        request, result = goal.request, goal.result
        goal.feedback.score = float("nan")
        goal.on_phase(Phase.PLANNING)
        workspace = self._cell.config.workspace(request.workspace)
        if request.place_workspace:  # what is wrong is refused before moving
            self._cell.config.workspace(request.place_workspace)
        to_push_limits(request, num_pushes=0)
        self._grasps.move_home(goal)  # the camera sees every workspace
        tracker, plan = TargetTracker(workspace), self._plan(goal, request.target)
        idle: tuple[Push, ...] = ()
        seen, labels = _seen(plan, workspace)
        tracker.begin(labels, seen.heightmap, plan.target_id)
        while plan.kind == Action.KIND_PUSH:
            outcome, push = self._push(goal, plan)
            scene = self._segment(goal)
            after, labels = _seen(scene, workspace)
            target_id = tracker.follow(labels, after.heightmap, push)
            while target_id is None and not tracker.is_lost:
                scene = self._segment(goal)
                after, labels = _seen(scene, workspace)
                target_id = tracker.follow(labels, after.heightmap, None)
            if target_id is None:
                raise GoalError(
                    MotionResult.TARGET_LOST,
                    f"The target is not to be seen after push {result.num_pushes}.",
                )
            idle = idle_after(idle, push, seen.heightmap, after.heightmap, workspace)
            if idle and outcome.is_blocked:
                raise _blocked(outcome)
            target = Target(kind=Target.KIND_ID, id=target_id)
            target.segmented_at = scene.labels.header.stamp
            plan = self._plan(goal, target, idle)
            seen = after
        result.grasp = plan.grasp
        result.is_success = self._grasps.carry_out(goal, plan.grasp, workspace.name, seen)
        if result.is_success:
            mask = labels == plan.target_id
            result.is_target_taken = self._is_taken(goal, seen, mask)

    def _push(self, goal: Goal, plan: PlanPushGrasp.Response) -> tuple[PushOutcome, Push]:
        """Carry out a planned push; return what came of it, and as what it was carried out."""
        push = from_push_msg(plan.push)
        outcome = self._grasps.push_along(goal, push, plan.push.workspace)
        goal.result.num_pushes += 1
        goal.feedback.num_pushes = goal.result.num_pushes
        return outcome, replace(push, length=max(outcome.length, _SHORTEST))

    def _plan(
        self, goal: Goal, target: Target, idle: tuple[Push, ...] = ()
    ) -> PlanPushGrasp.Response:
        """Ask the policy for the next action on a target."""
        goal.on_phase(Phase.SEGMENT)
        asked, num_pushes = goal.request, goal.result.num_pushes
        request = PlanPushGrasp.Request(
            workspace=asked.workspace,
            target=target,
            seed=asked.seed,
            num_pushes=num_pushes,
            max_pushes=asked.max_pushes,
            idle_pushes=[
                to_push_msg(push, asked.workspace, self._clock.stamp())
                for push in idle[-_MOST_IDLE:]
            ],
            score_threshold=asked.score_threshold,
        )
        if target.kind != Target.KIND_ID:  # a number is of an image that was taken before
            request.not_before = to_time(self._clock.stamp())
        plan = self._plan_call.ask(request, goal.cancel)
        if plan.kind not in (Action.KIND_GRASP, Action.KIND_PUSH):
            raise GoalError(
                MotionResult.UNSUPPORTED,
                f"Targets are taken by grasps ({Action.KIND_GRASP}) and pushes ({Action.KIND_PUSH}), "
                f"found an action of kind {plan.kind}.",
            )
        goal.result.scores.append(plan.score)
        goal.feedback.score = plan.score
        return plan

    def _segment(self, goal: Goal) -> SegmentScene.Response:
        """Have the workspace looked at and labelled, as it is now."""
        goal.on_phase(Phase.SEGMENT)
        request = SegmentScene.Request(
            workspace=goal.request.workspace, not_before=to_time(self._clock.stamp())
        )
        return self._segment_call.ask(request, goal.cancel)

    def _is_taken(self, goal: Goal, before: Observation, mask: np.ndarray) -> bool:
        """Look whether a target's cells, shape (S, S), are empty after a grasp that holds something.

        The grasp stays what it was where they are not to be seen: False, and a warning.
        """
        positions = self._cell.arm.joint_state().positions
        if not self._planner.is_in_view(before.workspace, positions):
            self._grasps.move_home(goal)
        try:
            after, _ = _seen(self._segment(goal), before.workspace)
        except CancelledError:
            raise
        except EquigraspError as error:
            self._warn(f"Whether the target was taken is not known: {error}")
            return False
        return is_gone(before.heightmap, after.heightmap, mask)

    @contextlib.contextmanager
    def _measured(self, goal: Goal) -> Iterator[Goal]:
        """Yield a goal whose result says that the robot moved and how long its stroke was, however it ends."""
        start: np.ndarray | None = None

        def on_phase(phase: Phase) -> None:
            nonlocal start
            if phase is Phase.PRE_GRASP:
                goal.result.has_moved = True
            elif phase is Phase.PUSH:
                start = self._tcp()
            elif phase is Phase.LIFT:
                measure()
                start = None
            goal.on_phase(phase)

        def measure() -> None:
            if start is not None:
                goal.result.length = float(np.linalg.norm((self._tcp() - start)[:2]))

        try:
            yield replace(goal, on_phase=on_phase)
        finally:
            with contextlib.suppress(EquigraspError):  # an arm that fell silent
                measure()

    def _tcp(self) -> np.ndarray:
        """Return where the TCP is in base, shape (3,) [m]."""
        positions = self._cell.arm.joint_state().positions
        return self._planner.forward_kinematics(positions).position


def _seen(answer: Any, workspace: Workspace) -> tuple[Observation, np.ndarray]:
    """Return heights and labels of an answer, shape (S, S)."""
    return from_heightmap_msg(answer.heightmap), from_label_map_msg(answer.labels, workspace)


def _blocked(outcome: PushOutcome) -> GoalError:
    return GoalError(
        MotionResult.PUSH_BLOCKED,
        f"Something pushed back harder than the cell allows after {outcome.length:.3f} m.",
    )
