"""Carries out grasps and pushes: the actions of the robot."""

from dataclasses import dataclass, replace
from typing import Any

from equigrasp_interfaces.action import (
    ExecuteAction,
    ExecuteGrasp,
    ExecutePush,
    MoveHome,
    PickObject,
    PushGrasp,
)
from equigrasp_interfaces.srv import PlanAction, PlanGrasp, PlanPushGrasp, SegmentScene

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import OVERHEAD, CellConfig, RobotCell
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.push import PushPrimitive
from equigrasp.primitives.success import needs_camera
from equigrasp.ros import names
from equigrasp.ros.executor.goal_server import GoalServer
from equigrasp.ros.executor.grasp_goals import GraspGoals
from equigrasp.ros.executor.planners import make_planner
from equigrasp.ros.executor.policy_calls import PolicyCall
from equigrasp.ros.executor.push_goals import PushGoals
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.remote.remote_arm import RemoteArm
from equigrasp.ros.remote.remote_camera import RemoteCamera
from equigrasp.ros.remote.remote_gripper import RemoteGripper
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter
from equigrasp.ros.runtime.ros_clock import RosClock


@dataclass(frozen=True)
class ExecutorNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    planner: str = parameter("ompl", "Motion planner: ompl, or moveit where ROS has MoveIt.")
    policy_timeout: float = parameter(
        8.0, "Longest wait for the policy node's services [s, wall clock].", 0.1, 120.0
    )
    image_timeout: float = parameter(
        2.0, "Longest wait for an image that shows success [s, wall clock].", 0.1, 60.0
    )
    camera_frame: str = parameter("overhead_optical_frame", "Frame of the depth image in tf.")
    descent_speed: float = parameter(
        1.0, "Descents are no faster than this, nor than the cell says [m/s].", 0.001, 10.0
    )


class ExecutorNode(ManagedNode):
    """One goal at a time over all actions: `GoalServer` ends them, `GraspGoals` and `PushGoals` do the work."""

    def __init__(self) -> None:
        super().__init__(names.EXECUTOR)
        self._settings = self.declare(ExecutorNodeConfig)
        self._feed: JointStateFeed | None = None
        self._server: GoalServer | None = None

    def set_up(self) -> None:
        """Build planner and primitive, and offer the actions."""
        wanted = self._settings.values
        config = _with_slow_descent(load_cell(wanted.cell), wanted.descent_speed)
        arm_config, gripper_config = config.load_arm(), config.load_gripper()
        clock = RosClock(self)
        feed = self._feed = JointStateFeed(self)
        arm = RemoteArm(
            self, arm_config, feed, clock, lambda joints: planner.forward_kinematics(joints)
        )
        gripper = RemoteGripper(self, gripper_config, feed, clock)
        camera = self._camera(config, clock)
        cameras = {} if camera is None else {OVERHEAD: camera}
        cell = RobotCell(config, arm_config, gripper_config, arm, gripper, cameras, clock)
        planner = make_planner(wanted.planner, cell)
        push = PushPrimitive(cell, planner)
        goals = GraspGoals(
            PickPrimitive(cell, planner),
            push,
            clock,
            self._policy_call(PlanGrasp, names.PLAN_GRASP),
            self.get_logger().warning,
            self._policy_call(PlanAction, names.PLAN_ACTION),
        )
        pushes = PushGoals(
            goals,
            push,
            clock,
            self._policy_call(SegmentScene, names.SEGMENT_SCENE),
            self._policy_call(PlanPushGrasp, names.PLAN_PUSH_GRASP),
            self.get_logger().warning,
        )
        server = GoalServer(self, arm, gripper, gripper_config.held_width, clock)
        server.serve(ExecuteAction, names.EXECUTE_ACTION, goals.execute_action)
        server.serve(ExecuteGrasp, names.EXECUTE_GRASP, goals.execute_grasp)
        server.serve(ExecutePush, names.EXECUTE_PUSH, pushes.execute_push)
        server.serve(PushGrasp, names.PUSH_GRASP, pushes.push_grasp)
        server.serve(PickObject, names.PICK_OBJECT, goals.pick_object)
        server.serve(MoveHome, names.MOVE_HOME, goals.move_home)
        self._server = server

    def halt(self) -> None:
        """Stop all motion."""
        if self._server is not None:
            self._server.halt()

    def tear_down(self) -> None:
        """Hear no more joint states."""
        if self._feed is not None:
            self._feed.close()
        self._feed = self._server = None

    def _policy_call(self, kind: Any, name: str) -> PolicyCall:
        client = self.create_client(kind, name, callback_group=self.callbacks)
        return PolicyCall(client, self._settings.values.policy_timeout)

    def _camera(self, config: CellConfig, clock: RosClock) -> RemoteCamera | None:
        """Listen to the camera where success is told by picture."""
        if not needs_camera(config):
            return None
        return RemoteCamera(
            self,
            clock,
            self._settings.values.camera_frame,
            has_color=False,
            has_depth=True,
            timeout=self._settings.values.image_timeout,
        )


def _with_slow_descent(config: CellConfig, descent_speed: float) -> CellConfig:
    speed = min(config.motion.descent_speed, descent_speed)
    return replace(config, motion=replace(config.motion, descent_speed=speed))


def main() -> None:
    """Run the node."""
    run(lambda: [ExecutorNode()], num_threads=8)


if __name__ == "__main__":
    main()
