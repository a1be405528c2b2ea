"""A stand-in for lbr_fri_ros2_stack: its controller and its names in front of a simulated iiwa.

It does what ros2_control's JointTrajectoryController does with the stack's configuration (version 4,
`joint_trajectory_controller/src`): refuses a trajectory without a word when joints, times or the
last velocity do not suit it, tells of success when the time is over, with a text and whether or not
the arm is there, tells of a cancel at once while the arm brakes, and tells all of it 20 times a second.
Splines and brakes are the simulated arm's own.

    .venv/bin/python test/ros/lbr_driver.py --ros-args -p cell:=kuka -r joint_states:=/lbr/joint_states
"""

import math
import sys
import threading
import time

import numpy as np
import rclpy
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from equigrasp.devices.arm import Arm
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.camera_node import CameraNode
from equigrasp.ros.drivers.gripper_node import GripperNode
from equigrasp.ros.drivers.sim_bridge_node import SimBridgeNode
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.messages.trajectories import from_trajectory_msg
from equigrasp.ros.runtime.fair_executor import FairExecutor
from equigrasp.ros.runtime.managed_node import ManagedNode, run

_MONITOR_PERIOD = 0.05  # [s] action_monitor_rate: 20
_STATE_PERIOD = 0.01  # [s]
_NUM_UNKNOWN = 20  # messages full of NaN before the robot answers
_LEAST_VELOCITY = 1.2e-7  # [rad/s] epsilon of a float
_Result = FollowJointTrajectory.Result


class JointTrajectoryController(Node):
    """The action and the joint states, in namespace `lbr`."""

    def __init__(self, arm: Arm) -> None:
        super().__init__("joint_trajectory_controller", namespace="lbr")
        self._arm = arm
        self._newest = 0
        self._lock = threading.Lock()
        self._num_sent = 0
        count = len(arm.joint_names)
        self._order = np.random.default_rng(7).permutation(count)
        group = ReentrantCallbackGroup()
        self._states = self.create_publisher(JointState, names.JOINT_STATES, qos.reliable())
        threading.Thread(target=self._publish, daemon=True).start()
        self._server = ActionServer(
            self,
            FollowJointTrajectory,
            names.FOLLOW_JOINT_TRAJECTORY,
            execute_callback=self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=group,
        )

    def _publish(self) -> None:
        """Tell of the joints in an order of its own, beside a joint that is nobody's business."""
        while rclpy.ok():
            state, order = self._arm.joint_state(), self._order
            self._num_sent += 1
            is_known = self._num_sent > _NUM_UNKNOWN
            positions = state.positions if is_known else state.positions * math.nan
            message = JointState(
                name=["rail", *(self._arm.joint_names[i] for i in order)],
                position=[0.3, *positions[order]],
                velocity=[0.0, *state.velocities[order]],
                effort=[math.nan, *state.efforts[order]],
            )
            message.header.stamp = to_time(state.stamp)
            self._states.publish(message)
            time.sleep(_STATE_PERIOD)

    def _accept(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        reason = _why_not(goal.trajectory, self._arm.joint_names)
        if reason:
            self.get_logger().error(reason)
        return GoalResponse.REJECT if reason else GoalResponse.ACCEPT

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        self._arm.stop()
        return CancelResponse.ACCEPT

    def _execute(self, handle: ServerGoalHandle) -> FollowJointTrajectory.Result:
        with self._lock:
            self._newest += 1
            number = self._newest
            trajectory = from_trajectory_msg(handle.request.trajectory, self._arm.joint_names)
            self._arm.start_trajectory(trajectory)  # what breaks a limit ends this process
        began = self._arm.joint_state().stamp
        while True:
            time.sleep(_MONITOR_PERIOD)
            if handle.is_cancel_requested:
                handle.canceled()
                return _Result()
            if number != self._newest:
                handle.abort()
                return _Result(
                    error_code=_Result.INVALID_GOAL,
                    error_string="Current goal preempted by new incoming action.",
                )
            if self._arm.joint_state().stamp >= began + trajectory.duration:
                handle.succeed()
                return _Result(error_string="Goal successfully reached!")


def _why_not(trajectory: JointTrajectory, joint_names: tuple[str, ...]) -> str:
    """Return why the controller refuses a trajectory; empty: it does not."""
    if sorted(trajectory.joint_names) != sorted(joint_names):
        return "Joints on incoming trajectory don't match the controller joints."
    if not trajectory.points:
        return "Empty trajectory received."
    if any(abs(v) > _LEAST_VELOCITY for v in trajectory.points[-1].velocities):
        return f"Velocity of last trajectory point is not zero: {trajectory.points[-1].velocities}"
    times = [p.time_from_start.sec * 10**9 + p.time_from_start.nanosec for p in trajectory.points]
    if any(b <= a for a, b in zip(times[:-1], times[1:], strict=True)):
        return "Time between points is not strictly increasing."
    count = len(joint_names)
    for point in trajectory.points:
        if len(point.positions) != count or len(point.velocities) not in (0, count):
            return "Mismatch between joint_names size and positions or velocities."
        if len(point.effort) or len(point.accelerations) not in (0, count):
            return "Effort or accelerations do not suit the command interface."
    return ""


def make_nodes() -> list[ManagedNode]:
    """Return the world and our gripper and camera nodes; the controller spins by itself."""
    bridge = SimBridgeNode()
    cell = bridge.simulation.cell
    cell.arm.connect()
    executor = FairExecutor(4)
    executor.add_node(JointTrajectoryController(cell.arm))
    threading.Thread(target=executor.spin, daemon=True).start()
    return [bridge, GripperNode(cell.gripper, cell.gripper_config), CameraNode(cell.camera)]


def main() -> None:
    """Run them until SIGINT."""
    sys.setswitchinterval(2e-4)  # as the bridge has it: the drivers get their turn
    run(make_nodes, num_threads=4)


if __name__ == "__main__":
    main()
