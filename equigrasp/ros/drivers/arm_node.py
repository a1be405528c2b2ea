"""Driver node of an arm: FollowJointTrajectory and joint states, for any `Arm` device."""

import time
from collections.abc import Callable

from control_msgs.msg import JointTrajectoryControllerState
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from equigrasp.devices.arm import Arm
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.clock import Clock, WallClock
from equigrasp.devices.motion import MotionState, StopReason
from equigrasp.errors import (
    ArmStoppedError,
    CommandRejectedError,
    DeviceError,
    NotConnectedError,
)
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.arm_settings import ArmNodeConfig
from equigrasp.ros.drivers.real_devices import arm_of
from equigrasp.ros.drivers.trajectory_server import TrajectoryServer
from equigrasp.ros.messages.joints import to_joint_state_msg, to_wrench_msg
from equigrasp.ros.runtime.health import Health, Level
from equigrasp.ros.runtime.managed_node import ManagedNode, run

_SCALING_PERIOD = 0.2  # [s] wall clock between announcements of a speed that does not change


class ArmNode(ManagedNode):
    """Tells the arm's state; `TrajectoryServer` moves it.

    Args:
        arm: The device; None: see `source`.
        cell: Its cell.
        clock: Its clock; None: this machine's.
        source: Returns all three at each configuring; None: the real ones that the parameters name.
    """

    def __init__(
        self,
        arm: Arm | None = None,
        cell: CellConfig | None = None,
        clock: Clock | None = None,
        source: Callable[[], tuple[Arm, CellConfig, Clock]] | None = None,
    ) -> None:
        super().__init__(names.ARM, is_patient=arm is None)
        if arm is not None and cell is not None:
            given = arm, cell, clock or WallClock()
            self._source: Callable[[], tuple[Arm, CellConfig, Clock]] = lambda: given
        else:
            self._source = source or arm_of(self)
        self._settings = self.declare(ArmNodeConfig)
        self._take_device()
        self._server: TrajectoryServer | None = None
        self._scaling, self._scaling_told = -1.0, 0.0
        self.report_health_with(self._health)

    def set_up(self) -> None:
        """Connect the arm and offer action and services."""
        self._take_device()
        self._arm.connect()
        group, reliable = self.callbacks, qos.reliable()
        self._states = self.create_publisher(JointStateMsg, names.JOINT_STATES, reliable)
        self._wrench = self.create_publisher(WrenchStamped, names.TCP_WRENCH, reliable)
        self._following = self.create_publisher(
            JointTrajectoryControllerState, names.CONTROLLER_STATE, reliable
        )
        self._speed = self.create_publisher(Float64, names.SPEED_SCALING, reliable)
        self.create_service(Trigger, "~/recover", self._recover, callback_group=group)
        self._server = TrajectoryServer(
            self, self._arm, self._check, self._settings, self._robot_clock
        )
        self.repeat(self._settings.values.state_rate, self._publish_state)

    def halt(self) -> None:
        """Stop the arm, and let the clients of its goals know."""
        self._arm.stop()
        if self._server is not None:
            self._server.wait_for_end()

    def tear_down(self) -> None:
        """Let go of the arm."""
        self._arm.disconnect()
        self._server = None

    def change_refusal(self, name: str) -> str:
        """Return why a parameter must not change: a trajectory was timed by it."""
        if name == "speed_scale" and self._server is not None and self._server.is_busy:
            return (
                "Parameter 'speed_scale' cannot be set while a trajectory runs or waits to begin: set "
                "it between two motions, or cancel the goal first."
            )
        return ""

    def _take_device(self) -> None:
        self._arm, cell, self._robot_clock = self._source()
        self._check = TrajectoryCheck(cell)

    def _health(self) -> Health:
        try:
            status, fault = self._arm.motion_status(), self._arm.fault()
        except ArmStoppedError as error:  # it waits for somebody, without a link
            level = _level(StopReason(error.reason))
            return Health(level if self.is_active else Level.OK, str(error))
        except DeviceError as error:
            return Health(Level.ERROR if self.is_active else Level.OK, str(error))
        values = {"state": status.state.value, "reason": (fault or status).reason.value}
        if fault is not None:
            return Health(_level(fault.reason), fault.message, values)
        if status.state is MotionState.FAULT:
            return Health(Level.WARN, f"The last motion failed: {status.message}", values)
        return Health(Level.OK, status.message, values)

    def _publish_state(self) -> None:
        state, force = self._arm.joint_state(), self._arm.tcp_force()
        self._states.publish(to_joint_state_msg(state, self._arm.joint_names))
        if force is not None:
            self._wrench.publish(to_wrench_msg(force, state.stamp))
        self._publish_scaling()
        if self._server is not None and self._following.get_subscription_count():
            self._following.publish(self._server.state())

    def _publish_scaling(self) -> None:
        scaling = self._settings.values.speed_scale * self._arm.speed_scaling()
        if self._server is not None and self._server.is_awaiting_consent:
            scaling = 0.0  # time stands still, so that nobody gives up
        now = time.monotonic()
        if scaling != self._scaling or now > self._scaling_told + _SCALING_PERIOD:
            self._scaling, self._scaling_told = scaling, now
            self._speed.publish(Float64(data=100.0 * scaling))

    def _recover(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Make the arm ready again; whoever calls has seen that the cell is clear."""
        try:
            if self._is_moving():
                raise CommandRejectedError("The arm is moving; there is nothing to recover from.")
            self._arm.recover()
            response.success, response.message = True, "The arm is ready."
            self.get_logger().warning("The arm was recovered by hand.")
        except DeviceError as error:
            response.message = str(error)
            self.get_logger().error(f"Not recovered: {error}")
        return response

    def _is_moving(self) -> bool:
        try:
            return self._arm.motion_status().is_active
        except NotConnectedError:
            return False


def _level(stop: StopReason) -> Level:
    """Return how bad a stop is of an arm that waits until somebody makes it ready again."""
    is_waiting = stop in (StopReason.PROTECTIVE_STOP, StopReason.NOT_READY)
    return Level.WARN if is_waiting else Level.ERROR


def main() -> None:
    """Run the node in front of the real arm."""
    run(lambda: [ArmNode()], num_threads=4)


if __name__ == "__main__":
    main()
