"""What goals of execute_action, execute_grasp, pick_object and move_home have the robot do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from equigrasp_interfaces.msg import Grasp, MotionResult
from equigrasp_interfaces.srv import PlanAction, PlanGrasp

from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import GraspOutcome, Phase, PushOutcome
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.place_target import PlaceTarget, sample_place
from equigrasp.primitives.push import PushPrimitive
from equigrasp.ros import names
from equigrasp.ros.executor.goal_codes import GoalError
from equigrasp.ros.executor.goal_server import Goal
from equigrasp.ros.executor.policy_calls import PolicyCall
from equigrasp.ros.messages.actions import from_action_msg
from equigrasp.ros.messages.grasps import check_mode, from_grasp_msg
from equigrasp.ros.messages.heightmaps import from_heightmap_msg
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.runtime.ros_clock import RosClock

_MOST_PUSHES = 4  # before a grasp
_CLOSED = 0.001  # [m] by which fingers that grip something have closed at least


class GraspGoals:
    """Carries goals out in one cell.

    Args:
        primitive: Carries out grasps.
        push: Carries out pushes.
        clock: Time of the robot.
        policy: The service plan_grasp.
        warn: Told of what a person should know.
        actions: The service plan_action, for pushes that free an object.
    """

    def __init__(
        self,
        primitive: PickPrimitive,
        push: PushPrimitive,
        clock: RosClock,
        policy: PolicyCall,
        warn: Callable[[str], object],
        actions: PolicyCall,
    ) -> None:
        self._primitive, self._push, self._clock = primitive, push, clock
        self._policy, self._warn, self._actions = policy, warn, actions
        self._num_unclosed = 0  # grasps in a row in which the fingers did not close at all

    def execute_action(self, goal: Goal) -> None:
        """Carry out the action that the request holds.

        A grasp is an episode of its own; after a push the episode goes on, without reward.
        """
        message = goal.request.action
        action = from_action_msg(message)
        if isinstance(action, PlanarGrasp):
            held = self.carry_out(goal, message.grasp, message.grasp.workspace)
            goal.result.reward = float(held)
        elif isinstance(action, Push):
            self.push_along(goal, action, message.push.workspace)
            goal.result.discount = 1.0
        else:
            raise GoalError(
                MotionResult.UNSUPPORTED,
                f"This executor carries out grasps and pushes, found a {type(action).__name__}.",
            )

    def execute_grasp(self, goal: Goal) -> None:
        """Carry out the grasp that the request holds."""
        grasp = goal.request.grasp
        goal.result.is_success = self.carry_out(goal, grasp, grasp.workspace)

    def pick_object(self, goal: Goal) -> None:
        """Have the policy choose a grasp and carry it out, after pushes where it wants them first."""
        pick, place = goal.request.pick_workspace, goal.request.place_workspace
        goal.on_phase(Phase.PLANNING)
        for name in (pick, place) if place else (pick,):  # what is wrong is refused before moving
            self._primitive.cell.config.workspace(name)
        check_mode(goal.request.mode)
        self.move_home(goal)  # the camera sees every tray
        plan = self._plan_grasp_or_push(goal)
        goal.result.grasp, goal.result.decision_time = plan.grasp, plan.decision_time
        if goal.request.wants_heightmap:
            goal.result.heightmap = plan.heightmap
        observation = from_heightmap_msg(plan.heightmap)
        goal.result.is_success = self.carry_out(goal, plan.grasp, pick, observation)

    def move_home(self, goal: Goal) -> None:
        """Move to where the camera sees every tray."""
        self._primitive.go_home(on_phase=goal.on_phase, cancel=goal.cancel)

    def _plan_grasp_or_push(self, goal: Goal) -> PlanGrasp.Response:
        """Return the policy's grasp; carry out what it wants to push before that."""
        for _ in range(_MOST_PUSHES):
            plan = self._ask(self._policy, PlanGrasp, goal, PlanGrasp.Response.NO_GRASP)
            if plan.error_code != PlanGrasp.Response.NO_GRASP:
                return plan
            answer = self._ask(self._actions, PlanAction, goal)
            push = from_action_msg(answer.action)
            if isinstance(push, PlanarGrasp):
                break
            # A rule's push has no observation to learn from; a method's is for a target.
            if not isinstance(push, Push) or answer.observation.arrays:
                raise GoalError(
                    MotionResult.UNSUPPORTED,
                    f"The method wants a {type(push).__name__} before it grasps; pick_object grasps "
                    f"only. For one that pushes its targets free call '{names.PUSH_GRASP}'.",
                )
            self.push_along(goal, push, answer.action.push.workspace)
            self.move_home(goal)
        return self._ask(self._policy, PlanGrasp, goal)

    def push_along(self, goal: Goal, push: Push, workspace: str) -> PushOutcome:
        """Carry out a push that begins in the workspace of a name."""
        outcome = self._push.execute(
            push,
            self._primitive.cell.config.workspace(workspace),
            on_phase=goal.on_phase,
            cancel=goal.cancel,
        )
        goal.result.motion.idle_time += outcome.idle_time
        return outcome

    def carry_out(
        self, goal: Goal, message: Grasp, pick: str, observation: Observation | None = None
    ) -> bool:
        """Carry out a grasp, and return whether an object was held after the lift."""
        config, place = self._primitive.cell.config, goal.request.place_workspace
        grasp, workspace = from_grasp_msg(message), config.workspace(pick)
        target: PlaceTarget | None = None
        if place:
            rng = np.random.default_rng(goal.request.seed)
            target = sample_place(config.workspace(place), config.motion.place_spread, rng)
        outcome = self._primitive.execute(
            grasp,
            workspace,
            target,
            observation=observation,
            on_phase=goal.on_phase,
            cancel=goal.cancel,
        )
        outcome = self._judged_by_fingers(outcome, grasp.width)
        goal.result.motion.finger_width = outcome.finger_width
        goal.result.motion.idle_time += outcome.idle_time
        return outcome.is_success

    def _judged_by_fingers(self, outcome: GraspOutcome, opening: float) -> GraspOutcome:
        """Take fingers that did not close for a miss, and twice in a row for a gripper that is blocked."""
        is_told_by_fingers = outcome.is_success and not self._primitive.detector.needs_view
        if not (is_told_by_fingers and outcome.finger_width > opening - _CLOSED):
            self._num_unclosed = 0
            return outcome
        self._num_unclosed += 1
        message = (
            f"The fingers did not close from {opening:.4f} m: so wide an object cannot be distinguished from a "
            "gripper that is blocked."
        )
        if self._num_unclosed > 1:
            raise GoalError(
                MotionResult.GRIPPER_FAILED, f"{message} It is the second time in a row."
            )
        self._warn(message)
        return replace(outcome, is_success=False)

    def _ask(self, policy: PolicyCall, service: Any, goal: Goal, *expected: int) -> Any:
        """Ask the policy, by one of its services, what a `PickObject` goal says."""
        wanted = goal.request
        request = service.Request(
            workspace=wanted.pick_workspace,
            mode=wanted.mode,
            seed=wanted.seed,
            num_consecutive_failures=wanted.num_consecutive_failures,
            not_before=to_time(self._clock.stamp()),
        )
        return policy.ask(request, goal.cancel, *expected)
