"""Serves a robot's actions, and turns every way in which a goal can end into a result."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from equigrasp_interfaces.msg import MotionResult
from equigrasp_interfaces.msg import Phase as PhaseMsg
from rclpy.action import CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle

from equigrasp.errors import CancelledError, EquigraspError, shortened
from equigrasp.primitives.outcome import Phase
from equigrasp.ros.executor.goal_codes import GoalError, code_of
from equigrasp.ros.executor.goal_slot import GoalSlot, was_cancelled
from equigrasp.ros.remote.remote_arm import RemoteArm
from equigrasp.ros.remote.remote_gripper import RemoteGripper
from equigrasp.ros.runtime.action_server import ActionServer
from equigrasp.ros.runtime.commanders import Commanders
from equigrasp.ros.runtime.managed_node import ManagedNode
from equigrasp.ros.runtime.ros_clock import RosClock

_DISCOVERY_TIMEOUT = 3.0  # [s, wall clock] for the first joint states to come


@dataclass(frozen=True, eq=False)
class Goal:
    """A goal that runs.

    Args:
        request: What is asked for.
        result: Of the action's type, to be filled in.
        cancel: Set from any thread to stop.
        on_phase: Tells the client what the robot does.
        feedback: Of the action's type: what else it holds goes to the client with each phase.
    """

    request: Any
    result: Any
    cancel: threading.Event
    on_phase: Callable[[Phase], None]
    feedback: Any = None


class GoalServer:
    """One goal at a time over all actions; see `GoalSlot` for what a newer goal does.

    Args:
        node: Offers the actions; while it is not active, goals end NOT_ACTIVE.
        arm: Is stopped when the running goal is cancelled.
        gripper: Tells whether an object is held when a goal ends.
        held_width: Fingers that stall wider than this hold something [m].
        clock: Time of the robot.
    """

    def __init__(
        self,
        node: ManagedNode,
        arm: RemoteArm,
        gripper: RemoteGripper,
        held_width: float,
        clock: RosClock,
    ) -> None:
        self._node = node
        self._arm, self._gripper, self._held_width = arm, gripper, held_width
        self._clock = clock
        self._slot = GoalSlot()
        self._commanders = Commanders()
        self._servers: list[ActionServer] = []

    def serve(self, action: Any, name: str, work: Callable[[Goal], None]) -> None:
        """Offer an action; `work` carries a goal out and raises what ends it early."""

        def cancel(handle: ServerGoalHandle) -> CancelResponse:
            if self._slot.cancel(handle):
                self._arm.stop()  # at once; the goal's thread sees to the rest when it wakes
            self._clock.wake()
            return CancelResponse.ACCEPT

        server = ActionServer(
            self._node,
            action,
            name,
            execute_callback=lambda handle: self._execute(handle, action, work),
            goal_callback=lambda goal: GoalResponse.ACCEPT,
            cancel_callback=cancel,
            callback_group=self._node.callbacks,
        )
        self._servers.append(server)

    def halt(self) -> None:
        """Stop every goal and all motion."""
        self._slot.cancel_all()
        self._arm.stop()

    def _execute(self, handle: ServerGoalHandle, action: Any, work: Callable[[Goal], None]) -> Any:
        result = action.Result()
        motion = result.motion
        if refusal := self._commanders.refusal(handle.goal_id):
            motion.error_code, motion.error_msg = MotionResult.INVALID_GOAL, refusal
            self._node.get_logger().error(refusal, throttle_duration_sec=5.0)
            handle.abort()
            return result
        began, feedback = self._clock.now(), action.Feedback()

        def on_phase(phase: Phase) -> None:
            elapsed = self._clock.now() - began
            feedback.phase = PhaseMsg(phase=int(phase), elapsed=elapsed)
            handle.publish_feedback(feedback)

        with self._slot.occupy(handle) as cancel:
            try:
                if not self._node.is_active:
                    raise GoalError(MotionResult.NOT_ACTIVE, "The executor node is not active.")
                if cancel is None:
                    raise CancelledError("A newer goal overtook this one.")
                self._await_devices(cancel)
                work(Goal(handle.request, result, cancel, on_phase, feedback))
            except CancelledError as error:
                motion.error_code, motion.error_msg = MotionResult.PREEMPTED, str(error)
            except EquigraspError as error:
                motion.error_code, motion.error_msg = code_of(error), str(error)
                self._node.get_logger().warning(f"Goal ended: {error}")
            except (
                Exception
            ) as error:  # nobody foresaw it: nothing moves on, and the client is told
                self._arm.stop()
                motion.error_code = MotionResult.UNEXPECTED
                motion.error_msg = shortened(f"Unexpected {type(error).__name__}: {error}")
                self._node.get_logger().error(shortened(traceback.format_exc()))
            self._finish(handle, motion, began)
        return result

    def _await_devices(self, cancel: threading.Event) -> None:
        """Give the first joint states a moment: a goal may come before the drivers are found."""
        deadline = time.monotonic() + _DISCOVERY_TIMEOUT
        while not (self._arm.is_heard and self._gripper.is_heard):
            if time.monotonic() > deadline or cancel.wait(0.02):
                return  # whoever needs the state says what is missing

    def _finish(self, handle: ServerGoalHandle, motion: MotionResult, began: float) -> None:
        motion.is_object_held = self._is_holding()
        motion.duration = self._clock.now() - began
        if motion.error_code == MotionResult.NONE:
            handle.succeed()
        elif motion.error_code == MotionResult.PREEMPTED and was_cancelled(handle, time.sleep):
            motion.error_code = MotionResult.CANCELLED
            motion.error_msg = "The client cancelled the goal."
            handle.canceled()
        else:
            handle.abort()

    def _is_holding(self) -> bool:
        try:
            state = self._gripper.state()
        except EquigraspError:
            return False
        return state.is_stalled and state.width > self._held_width
