"""Carries out grasps: the actions execute_grasp, pick_object and move_home."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from equigrasp_interfaces.action import ExecuteGrasp, MoveHome, PickObject
from equigrasp_interfaces.srv import PlanGrasp
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import CellConfig, RobotCell
from equigrasp.errors import (
    CancelledError,
    EquigraspError,
)
from equigrasp.geometry.actions import GraspAction
from equigrasp.nodes import names
from equigrasp.nodes.conversions import from_grasp_msg, from_heightmap_msg, to_time
from equigrasp.nodes.goal_codes import PLAN_CODES, GoalError, code_of
from equigrasp.nodes.goal_slot import GoalSlot, was_cancelled
from equigrasp.nodes.managed_node import ManagedNode, run
from equigrasp.nodes.parameters import declare, parameter
from equigrasp.nodes.planners import make_planner
from equigrasp.nodes.remote_camera import RemoteCamera
from equigrasp.nodes.remote_devices import JointStateFeed, RemoteArm, RemoteGripper
from equigrasp.nodes.ros_clock import RosClock
from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import GraspOutcome, Phase
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.place_target import PlaceTarget, sample_place
from equigrasp.primitives.success import needs_camera

_DISCOVERY_TIMEOUT = 3.0  # [s, wall clock] for the first joint states to come
_CLOSED = 0.001  # [m] by which fingers that grip something have closed at least
_CODES = ExecuteGrasp.Result


@dataclass(frozen=True)
class ExecutorNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    planner: str = parameter("ompl", "Motion planner: ompl, or moveit where ROS has MoveIt.")
    policy_timeout: float = parameter(
        8.0, "Longest wait for plan_grasp [s, wall clock].", 0.1, 120.0
    )
    image_timeout: float = parameter(
        2.0, "Longest wait for an image that tells of success [s, wall clock].", 0.1, 60.0
    )
    camera_frame: str = parameter("overhead_optical_frame", "Frame of the depth image in tf.")
    descent_speed: float = parameter(
        1.0, "Descents are no faster than this, nor than the cell says [m/s].", 0.001, 10.0
    )


class ExecutorNode(ManagedNode):
    """One goal at a time over all three actions; see `GoalSlot` for what a newer goal does."""

    def __init__(self) -> None:
        super().__init__(names.EXECUTOR)
        self._config = declare(self, ExecutorNodeConfig)
        self._slot = GoalSlot()

    def set_up(self) -> None:
        """Build planner and primitive, and offer the actions."""
        config = self._with_slow_descent(load_cell(self._config.cell))
        arm_config = config.load_arm()
        gripper_config = config.load_gripper()
        self._robot_clock = RosClock(self)
        self._feed = JointStateFeed(self)
        self._arm = RemoteArm(
            self,
            arm_config,
            self._feed,
            self._robot_clock.wake,
            lambda positions: self._primitive.planner.forward_kinematics(positions),
        )
        self._gripper = RemoteGripper(self, gripper_config, self._feed, self._robot_clock.wake)
        self._cell = RobotCell(
            config,
            arm_config,
            gripper_config,
            self._arm,
            self._gripper,
            self._camera(config),  # type: ignore[arg-type]
            self._robot_clock,
        )
        self._num_unclosed = 0  # grasps in a row in which the fingers did not close at all
        self._primitive = PickPrimitive(self._cell, make_planner(self._config.planner, self._cell))
        self._plan_client = self.create_client(
            PlanGrasp, names.PLAN_GRASP, callback_group=self.callbacks
        )
        self._servers = [
            self._serve(ExecuteGrasp, names.EXECUTE_GRASP, self._execute_grasp),
            self._serve(PickObject, names.PICK_OBJECT, self._pick_object),
            self._serve(MoveHome, names.MOVE_HOME, self._move_home),
        ]

    def _with_slow_descent(self, config: CellConfig) -> CellConfig:
        speed = min(config.motion.descent_speed, self._config.descent_speed)
        return replace(config, motion=replace(config.motion, descent_speed=speed))

    def _camera(self, config: CellConfig) -> RemoteCamera | None:
        """Listen to the camera where success is told by picture."""
        if not needs_camera(config):
            return None
        return RemoteCamera(
            self,
            self._robot_clock,
            self._config.camera_frame,
            has_color=False,
            has_depth=True,
            timeout=self._config.image_timeout,
        )

    def halt(self) -> None:
        """Stop all motion."""
        self._slot.cancel_all()
        if hasattr(self, "_arm"):
            self._arm.stop()

    def tear_down(self) -> None:
        """Hear no more joint states."""
        if hasattr(self, "_feed"):
            self._feed.close()

    def _serve(self, action: Any, name: str, work: Callable[..., None]) -> ActionServer:
        def cancel(goal_handle: ServerGoalHandle) -> CancelResponse:
            if self._slot.cancel(goal_handle):
                self._arm.stop()  # at once; the goal's thread sees to the rest when it wakes
            self._robot_clock.wake()
            return CancelResponse.ACCEPT

        return ActionServer(
            self,
            action,
            name,
            execute_callback=lambda handle: self._execute(handle, action, work),
            goal_callback=lambda goal: GoalResponse.ACCEPT,
            cancel_callback=cancel,
            callback_group=self.callbacks,
        )

    def _execute(self, handle: ServerGoalHandle, action: Any, work: Callable[..., None]) -> Any:
        """Run one goal and turn every way it can end into a result."""
        result = action.Result()
        began = self._robot_clock.now()
        with self._slot.occupy(handle) as cancel:
            try:
                if not self.is_active:
                    raise GoalError(_CODES.NOT_ACTIVE, "The executor node is not active.")
                if cancel is None:
                    raise CancelledError("A newer goal overtook this one.")
                self._await_devices(cancel)
                work(handle, action, result, cancel, began)
            except CancelledError as error:
                result.error_code, result.error_msg = _CODES.PREEMPTED, str(error)
            except EquigraspError as error:
                result.error_code, result.error_msg = code_of(error), str(error)
                self.get_logger().warning(f"Goal ended: {error}")
            self._finish(handle, result, began)
        return result

    def _await_devices(self, cancel: threading.Event) -> None:
        """Give the first joint states a moment: a goal may come before the drivers are found."""
        deadline = time.monotonic() + _DISCOVERY_TIMEOUT
        while not (self._arm.is_heard and self._gripper.is_heard):
            if time.monotonic() > deadline or cancel.wait(0.02):
                return  # whoever needs the state says what is missing

    def _finish(self, handle: ServerGoalHandle, result: Any, began: float) -> None:
        result.is_object_held = self._is_holding()
        if hasattr(result, "duration"):
            result.duration = self._robot_clock.now() - began
        if result.error_code == _CODES.NONE:
            handle.succeed()
        elif result.error_code == _CODES.PREEMPTED and was_cancelled(handle, time.sleep):
            result.error_code, result.error_msg = (
                _CODES.CANCELLED,
                "The client cancelled the goal.",
            )
            handle.canceled()
        else:
            handle.abort()

    def _is_holding(self) -> bool:
        try:
            state = self._gripper.state()
        except EquigraspError:
            return False
        return state.is_stalled and state.width > self._cell.gripper_config.held_width

    def _on_phase(
        self, handle: ServerGoalHandle, action: Any, began: float
    ) -> Callable[[Phase], None]:
        def publish(phase: Phase) -> None:
            feedback = action.Feedback(phase=int(phase), elapsed=self._robot_clock.now() - began)
            handle.publish_feedback(feedback)

        return publish

    def _run(
        self,
        grasp: GraspAction,
        pick: str,
        place: str,
        seed: int,
        cancel: threading.Event,
        on_phase: Callable[[Phase], None],
        observation: Observation | None = None,
    ) -> GraspOutcome:
        workspace = self._cell.config.workspace(pick)
        target: PlaceTarget | None = None
        if place:
            spread = self._cell.config.motion.place_spread
            rng = np.random.default_rng(seed)
            target = sample_place(self._cell.config.workspace(place), spread, rng)
        outcome = self._primitive.execute(
            grasp, workspace, target, observation=observation, on_phase=on_phase, cancel=cancel
        )
        return self._judged_by_fingers(outcome, grasp.width)

    def _judged_by_fingers(self, outcome: GraspOutcome, opening: float) -> GraspOutcome:
        """Take fingers that did not close for a miss, and twice in a row for a gripper that is blocked."""
        is_told_by_fingers = outcome.is_success and not self._primitive.detector.needs_view
        if not (is_told_by_fingers and outcome.finger_width > opening - _CLOSED):
            self._num_unclosed = 0
            return outcome
        self._num_unclosed += 1
        message = (
            f"The fingers did not close from {opening:.4f} m: an object so wide cannot be told from a "
            "gripper that is blocked."
        )
        if self._num_unclosed > 1:
            raise GoalError(_CODES.GRIPPER_FAILED, f"{message} It is the second time in a row.")
        self.get_logger().warning(message)
        return replace(outcome, is_success=False)

    def _execute_grasp(
        self,
        handle: ServerGoalHandle,
        action: Any,
        result: Any,
        cancel: threading.Event,
        began: float,
    ) -> None:
        goal = handle.request
        on_phase = self._on_phase(handle, action, began)
        grasp = from_grasp_msg(goal.grasp)
        outcome = self._run(
            grasp, goal.grasp.workspace, goal.place_workspace, goal.seed, cancel, on_phase
        )
        _fill(result, outcome)

    def _pick_object(
        self,
        handle: ServerGoalHandle,
        action: Any,
        result: Any,
        cancel: threading.Event,
        began: float,
    ) -> None:
        goal = handle.request
        on_phase = self._on_phase(handle, action, began)
        on_phase(Phase.PLANNING)
        self._cell.config.workspace(goal.pick_workspace)  # an unknown name is refused first
        self._primitive.go_home(on_phase=on_phase, cancel=cancel)  # the camera sees every tray
        plan = self._plan_grasp(goal, cancel)
        result.grasp, result.heightmap = plan.grasp, plan.heightmap
        result.decision_time = plan.decision_time
        outcome = self._run(
            from_grasp_msg(plan.grasp),
            goal.pick_workspace,
            goal.place_workspace,
            goal.seed,
            cancel,
            on_phase,
            from_heightmap_msg(plan.heightmap),
        )
        _fill(result, outcome)

    def _move_home(
        self,
        handle: ServerGoalHandle,
        action: Any,
        result: Any,
        cancel: threading.Event,
        began: float,
    ) -> None:
        self._primitive.go_home(on_phase=self._on_phase(handle, action, began), cancel=cancel)

    def _plan_grasp(self, goal: PickObject.Goal, cancel: threading.Event) -> PlanGrasp.Response:
        if not self._plan_client.wait_for_service(1.0):
            raise GoalError(_CODES.POLICY_FAILED, f"No node offers '{names.PLAN_GRASP}'.")
        request = PlanGrasp.Request(
            workspace=goal.pick_workspace,
            mode=goal.mode,
            seed=goal.seed,
            num_consecutive_failures=goal.num_consecutive_failures,
            not_before=to_time(self._robot_clock.stamp()),
        )
        answered = threading.Event()
        future = self._plan_client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        deadline = time.monotonic() + self._config.policy_timeout
        while not answered.wait(0.01):
            if cancel.is_set():
                raise CancelledError("The goal was cancelled while a grasp was planned.")
            if time.monotonic() > deadline:
                raise GoalError(
                    _CODES.POLICY_FAILED,
                    f"'{names.PLAN_GRASP}' gave no answer within {self._config.policy_timeout} s.",
                )
        response = future.result()
        if response.error_code:
            raise GoalError(PLAN_CODES[response.error_code], response.error_msg)
        return response


def _fill(result: Any, outcome: GraspOutcome) -> None:
    result.is_success = outcome.is_success
    result.finger_width = outcome.finger_width
    result.idle_time = outcome.idle_time


def main() -> None:
    """Run the node."""
    run(lambda: [ExecutorNode()], num_threads=8)


if __name__ == "__main__":
    main()
