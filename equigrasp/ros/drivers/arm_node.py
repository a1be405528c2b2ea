"""Driver node of an arm: FollowJointTrajectory and joint states, for any `Arm` device."""

import time

from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from equigrasp.devices.arm import Arm
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.clock import Clock, WallClock
from equigrasp.devices.motion import MotionState
from equigrasp.errors import CommandRejectedError, DeviceError, NotConnectedError
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.real_devices import arm_of
from equigrasp.ros.drivers.trajectory_server import ArmNodeConfig, TrajectoryServer
from equigrasp.ros.messages.joints import to_joint_state_msg, to_wrench_msg
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import declare

_SCALING_PERIOD = 0.2  # [s] wall clock between announcements of a speed that does not change


class ArmNode(ManagedNode):
    """Tells the arm's state; `TrajectoryServer` moves it.

    Args:
        arm: The device; None: the real one of the cell that the parameters name.
        cell: Its cell.
        clock: Its clock; None: this machine's.
    """

    def __init__(
        self,
        arm: Arm | None = None,
        cell: CellConfig | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(names.ARM, is_patient=arm is None)
        if arm is None or cell is None:
            arm, cell = arm_of(self)
        self._arm, self._robot_clock = arm, clock or WallClock()
        self._check = TrajectoryCheck(cell)
        self._config = declare(self, ArmNodeConfig)
        self._scaling, self._scaling_told = -1.0, 0.0
        self.report_health_with(self._health)

    def set_up(self) -> None:
        """Connect the arm and offer action and services."""
        self._arm.connect()
        group, reliable = self.callbacks, qos.reliable()
        self._states = self.create_publisher(JointStateMsg, names.JOINT_STATES, reliable)
        self._wrench = self.create_publisher(WrenchStamped, names.TCP_WRENCH, reliable)
        self._speed = self.create_publisher(Float64, names.SPEED_SCALING, reliable)
        self.create_service(Trigger, "~/recover", self._recover, callback_group=group)
        self._server = TrajectoryServer(
            self, self._arm, self._check, self._config, self._robot_clock
        )
        self.repeat(self._config.state_rate, self._publish_state)

    def halt(self) -> None:
        """Stop the arm."""
        self._arm.stop()

    def tear_down(self) -> None:
        """Let go of the arm."""
        self._arm.disconnect()

    def _health(self) -> tuple[bool, str, dict[str, str]]:
        try:
            status = self._arm.motion_status()
        except DeviceError as error:
            return not self.is_active, str(error), {}
        values = {"state": status.state.value, "reason": status.reason.value}
        return status.state is not MotionState.FAULT, status.message, values

    def _publish_state(self) -> None:
        state, force = self._arm.joint_state(), self._arm.tcp_force()
        self._states.publish(to_joint_state_msg(state, self._arm.joint_names))
        if force is not None:
            self._wrench.publish(to_wrench_msg(force, state.stamp))
        self._publish_scaling()

    def _publish_scaling(self) -> None:
        scaling = self._config.speed_scale * self._arm.speed_scaling()
        if self._server.is_awaiting_consent:
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


def main() -> None:
    """Run the node in front of the real arm."""
    run(lambda: [ArmNode()], num_threads=4)


if __name__ == "__main__":
    main()
