"""Contract of a motion planner."""

from abc import ABC, abstractmethod

import numpy as np

from equigrasp.devices.motion import JointTrajectory
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.object_field import ObjectField


class MotionPlanner(ABC):
    """Turns poses of the TCP into joint trajectories within the arm's limits.

    `ompl_planner.OmplPlanner` is the implementation that needs nothing but pip;
    `nodes.moveit_planner.MoveItPlanner` plans with MoveIt, where ROS has it. Both plan in the same
    scene: `fixed_bodies`, and the `ObjectField` that they are given.
    """

    @abstractmethod
    def set_objects(self, objects: ObjectField | None) -> None:
        """Take over what lies in a tray; None: nothing is known of it."""

    @abstractmethod
    def forward_kinematics(self, joint_positions: np.ndarray) -> Transform:
        """Return `T_base_tcp` at joint positions, shape (n,) [rad]."""

    @abstractmethod
    def inverse_kinematics(self, t_base_tcp: Transform, seed: np.ndarray) -> np.ndarray:
        """Return collision-free joint positions (n,) near `seed` that reach a TCP pose.

        Raises:
            UnreachableError: if no joint positions within the limits reach it.
            CollisionError: if all that do touch the cell or the robot itself.
        """

    @abstractmethod
    def check(
        self, joint_positions: np.ndarray, what: str, *, has_closed_fingers: bool = False
    ) -> None:
        """Raise `CollisionError` that names `what` if the arm touches something there.

        Closed fingers are slimmer than open ones, and reach lower.
        """

    @abstractmethod
    def plan_joints(
        self, start: np.ndarray, goal: np.ndarray, *, has_closed_fingers: bool = False
    ) -> JointTrajectory:
        """Plan a collision-free motion between joint positions, at rest at both ends.

        With `has_closed_fingers` they may close on the way: it is free with open fingers and with closed ones.

        Raises:
            CollisionError: if the goal touches the scene.
            PlanningError: if no path is found in bounded time.
        """

    def plan_pose(self, start: np.ndarray, goal: Transform) -> JointTrajectory:
        """Plan a collision-free motion, straight in joint space where that is free, to a TCP pose.

        Raises:
            UnreachableError: if no joint positions within the limits reach it.
            CollisionError: if all that do touch the cell or the robot itself.
            PlanningError: if no path is found in bounded time.
        """
        return self.plan_joints(start, self.inverse_kinematics(goal, start))

    @abstractmethod
    def plan_line(self, start: np.ndarray, goal: Transform, speed: float) -> JointTrajectory:
        """Plan a straight motion of the TCP with at most `speed` [m/s], at rest at both ends.

        Raises:
            UnreachableError: if the line leaves what the arm reaches without a jump.
        """

    @abstractmethod
    def is_in_view(self, workspace: Workspace, joint_positions: np.ndarray) -> bool:
        """Tell whether the camera sees all of a workspace past the arm at joint positions (n,)."""

    @abstractmethod
    def external_force(
        self, positions: np.ndarray, velocities: np.ndarray, efforts: np.ndarray
    ) -> np.ndarray:
        """Estimate the force on the TCP in base, shape (3,) [N], from measured joint torques.

        What gravity and motion explain is subtracted; accelerations are not known and left out.
        """
