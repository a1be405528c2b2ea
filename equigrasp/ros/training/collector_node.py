"""Collects experience without help: two trays, attempt after attempt."""

import threading
import time
import traceback
from collections import deque

from equigrasp_interfaces.action import CollectExperience, ExecuteAction, MoveHome
from equigrasp_interfaces.msg import Experience, LearnerStatus
from equigrasp_interfaces.srv import PlanAction
from rclpy.action import CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import CancelledError, ConfigError, EquigraspError, shortened
from equigrasp.ros import names, qos
from equigrasp.ros.executor.goal_slot import GoalSlot, was_cancelled
from equigrasp.ros.messages.grasps import check_mode
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.action_server import ActionServer
from equigrasp.ros.runtime.commanders import Commanders
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.ros_clock import RosClock
from equigrasp.ros.training.collection import Collection, CollectorNodeConfig, Partners


class CollectorNode(ManagedNode):
    """Action `collect_experience`.

    The next grasp is chosen while the arm carries the last object away: the executor's feedback
    PLACE says that the tray is in view again.
    """

    def __init__(self) -> None:
        super().__init__(names.COLLECTOR)
        self._settings = self.declare(CollectorNodeConfig)
        self._slot = GoalSlot()
        self._commanders = Commanders()
        self._status: LearnerStatus | None = None
        self._robot_clock = RosClock(self)
        self._is_halted = threading.Event()
        self._beginner: threading.Thread | None = None

    def set_up(self) -> None:
        """Offer the action and find the executor, the policy and the learner."""
        self._config = self._settings.values
        self._status = None
        cell = load_cell(self._config.cell)
        group = self.callbacks
        self._partners = Partners(
            policy=self.create_client(PlanAction, names.PLAN_ACTION, callback_group=group),
            executor=ActionClient(self, ExecuteAction, names.EXECUTE_ACTION, callback_group=group),
            home=ActionClient(self, MoveHome, names.MOVE_HOME, callback_group=group),
            experience=self.create_publisher(Experience, names.EXPERIENCE, qos.experience()),
            learner_status=lambda: self._status,
            clock=self._robot_clock,
            trays=deque(w.name for w in cell.workspaces[:2]),
        )
        self._subscription = self.create_subscription(
            LearnerStatus,
            names.LEARNER_STATUS,
            self._on_status,
            qos.latched(),
            callback_group=group,
        )
        self._server = ActionServer(
            self,
            CollectExperience,
            names.COLLECT_EXPERIENCE,
            execute_callback=self._execute,
            goal_callback=lambda goal: GoalResponse.ACCEPT,
            cancel_callback=self._cancel,
            callback_group=group,
        )

        self._own = ActionClient(
            self, CollectExperience, names.COLLECT_EXPERIENCE, callback_group=group
        )

    def start(self) -> None:
        """Send itself the goal that the parameter `num_attempts` asks for."""
        self._is_halted.clear()
        if self._config.num_attempts:
            self._beginner = threading.Thread(
                target=self._begin_by_itself, name="begin", daemon=True
            )
            self._beginner.start()

    def _begin_by_itself(self) -> None:
        while not (self._status is not None and self._own.server_is_ready() and self.is_active):
            if self._is_halted.wait(0.1):
                return
        missing = self._config.num_attempts - int(self._status.num_attempts)
        if missing > 0:
            goal = CollectExperience.Goal(
                num_attempts=missing, mode=Experience.MODE_TRAIN, is_learning=True
            )
            self._own.send_goal_async(goal)
            self.get_logger().info(f"Collecting {missing} attempts.")

    def halt(self) -> None:
        """Stop collecting; the executor's goal is cancelled."""
        self._is_halted.set()
        self._slot.cancel_all()
        if self._beginner is not None:
            self._beginner.join(timeout=5.0)
            self._beginner = None

    def _on_status(self, message: LearnerStatus) -> None:
        self._status = message

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        self._slot.cancel(goal_handle)
        return CancelResponse.ACCEPT

    def _execute(self, handle: ServerGoalHandle) -> CollectExperience.Result:
        result = CollectExperience.Result()
        result.error_code, result.error_msg = self._refusal(handle)
        if result.error_code:
            handle.abort()
            return result
        with self._slot.occupy(handle) as cancel:
            try:
                if cancel is None:
                    raise CancelledError("A newer goal overtook this one.")
                warn = self.get_logger().warning
                Collection(self._config, self._partners, handle, cancel, result, warn).run()
            except CancelledError:
                result.error_code = CollectExperience.Result.CANCELLED
                result.error_msg = "The client cancelled the goal, or a newer one took its place."
            except EquigraspError as error:
                result.error_msg = str(error)
                result.error_code = result.error_code or CollectExperience.Result.TOO_MANY_FAULTS
            except Exception as error:  # nobody foresaw it: the client is told
                result.error_msg = shortened(f"Unexpected {type(error).__name__}: {error}")
                result.error_code = CollectExperience.Result.UNEXPECTED
                self.get_logger().error(shortened(traceback.format_exc()))
            if result.error_code == CollectExperience.Result.NONE:
                handle.succeed()
            elif result.error_code == CollectExperience.Result.CANCELLED and was_cancelled(
                handle, time.sleep
            ):
                handle.canceled()
            else:
                handle.abort()
        return result

    def _refusal(self, handle: ServerGoalHandle) -> tuple[int, str]:
        """Return code and reason for which a goal is not begun; 0: it may be."""
        codes = CollectExperience.Result
        if not self.is_active:
            return codes.NOT_ACTIVE, "The collector node is not active."
        if refusal := self._commanders.refusal(handle.goal_id):
            return codes.INVALID_GOAL, refusal
        try:
            check_mode(handle.request.mode)
        except ConfigError as error:
            return codes.INVALID_GOAL, str(error)
        return codes.NONE, ""


def main() -> None:
    """Run the node."""
    run(lambda: [CollectorNode()], num_threads=6)


if __name__ == "__main__":
    main()
