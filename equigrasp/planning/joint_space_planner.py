"""What all planners share: straight where that is free, else a search; timed within limits."""

import functools
import itertools
from abc import abstractmethod

import numpy as np

from equigrasp.devices.calibrated_cell import load_camera
from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.camera_view import CameraView
from equigrasp.planning.collision_scene import CollisionScene, Contact
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.time_parameterization import TcpLimit, parameterize

CHECK_STEP = 0.03  # [rad] between collision checks along a path: 27 mm at the UR5's full reach
_LINE_STEP = 0.02  # [m] between waypoints of a straight line
MAX_JUMP = 0.5  # [rad] a joint may turn between waypoints of a line
_LINE_ACCELERATION = 1.5  # [m/s²] of the TCP on a straight line: a held object stays put
_NUM_SEARCHES = 5  # each draws another path
_EDGE_STEPS = (0.15, 0.05)  # [rad] between spline points of a path round an obstacle


class JointSpacePlanner(MotionPlanner):
    """Tries the straight joint-space path first, which nearly always is free, then `_search`.

    Args:
        cell: Arm, gripper, trays, obstacles and camera to plan for; no device of it is used.
    """

    def __init__(self, cell: RobotCell) -> None:
        self._cell = cell
        self._limits = cell.arm_config.limits
        self._speed_scale = cell.config.motion.speed_scale
        self.kinematics = Kinematics(cell.arm_config, cell.gripper_config)
        self._view = CameraView(self.kinematics, load_camera(cell.config))

    @functools.cached_property
    def _closed(self) -> CollisionScene:
        """Robot with closed fingers in the cell, without objects: what a push may touch."""
        cell = self._cell
        kinematics = Kinematics(cell.arm_config, cell.gripper_config, width=0.0)
        return CollisionScene(kinematics, cell.config)

    @abstractmethod
    def find_collision(self, joint_positions: np.ndarray) -> Contact | None:
        """Return a contact at joint positions (n,), or None."""

    def find_closed_collision(self, joint_positions: np.ndarray) -> Contact | None:
        """Return a contact with the cell's fixed parts at joint positions (n,), fingers closed, or None."""
        return self._closed.find_collision(joint_positions)

    @abstractmethod
    def _search(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return corners (K, n) of a collision-free path between joint positions.

        Raises:
            PlanningError: if none is found in bounded time.
        """

    def forward_kinematics(self, joint_positions: np.ndarray) -> Transform:
        return self.kinematics.forward(joint_positions)

    def inverse_kinematics(self, t_base_tcp: Transform, seed: np.ndarray) -> np.ndarray:
        contact = None
        near = self.kinematics.solutions(t_base_tcp, seed)
        for q in itertools.chain(near, self.kinematics.more_solutions(t_base_tcp)):
            contact = self.find_collision(q)
            if contact is None:
                return q
            if contact.is_of_gripper:
                break
        x, y, z = t_base_tcp.position
        raise CollisionError(
            f"TCP position ({x:.3f}, {y:.3f}, {z:.3f}) m would bring {contact} into contact."
        )

    def check(
        self, joint_positions: np.ndarray, what: str, *, has_closed_fingers: bool = False
    ) -> None:
        find = self.find_closed_collision if has_closed_fingers else self.find_collision
        contact = find(joint_positions)
        if contact is not None:
            raise CollisionError(f"{what} would bring {contact} into contact.")

    def plan_joints(
        self, start: np.ndarray, goal: np.ndarray, *, has_closed_fingers: bool = False
    ) -> JointTrajectory:
        self.check(goal, "The goal")
        if has_closed_fingers:
            self.check(goal, "The goal", has_closed_fingers=True)
        path = np.stack([start, goal])
        if self._is_free(path, has_closed_fingers):
            return parameterize(path, self._limits, self._speed_scale)
        self.check(start, "The start of a motion")
        for _ in range(_NUM_SEARCHES):
            corners = self._search(start, goal)
            for edge_step in _EDGE_STEPS:
                path = _with_points_on_edges(corners, edge_step)
                trajectory = parameterize(path, self._limits, self._speed_scale)
                # Splines cut and swing out at corners.
                if self._is_free(trajectory.positions, has_closed_fingers):
                    return trajectory
        raise PlanningError("The paths found touch something where their corners are rounded.")

    def plan_line(self, start: np.ndarray, goal: Transform, speed: float) -> JointTrajectory:
        first = self.kinematics.forward(start)
        length = float(np.linalg.norm(goal.position - first.position))
        count = max(2, int(np.ceil(length / _LINE_STEP)))
        turn = (first.rotation.inv() * goal.rotation).as_rotvec()
        shares = np.linspace(0.0, 1.0, count + 1)
        path = [np.asarray(start, dtype=float)]
        for s in shares[1:]:
            position = (1 - s) * first.position + s * goal.position
            rotation = first.rotation * type(first.rotation).from_rotvec(s * turn)
            q = self.kinematics.solve(Transform(position, rotation.as_quat()), path[-1])
            if q is None or np.abs(q - path[-1]).max() > MAX_JUMP:
                x, y, z = position
                raise UnreachableError(
                    f"A straight line of the TCP breaks off at ({x:.3f}, {y:.3f}, {z:.3f}) m."
                )
            path.append(q)
        return self._time_line(np.stack(path), shares * length, speed)

    def is_in_view(self, workspace: Workspace, joint_positions: np.ndarray) -> bool:
        return self._view.is_free(joint_positions, workspace)

    def external_force(
        self, positions: np.ndarray, velocities: np.ndarray, efforts: np.ndarray
    ) -> np.ndarray:
        return self.kinematics.external_force(positions, velocities, efforts)

    def _time_line(self, path: np.ndarray, distances: np.ndarray, speed: float) -> JointTrajectory:
        """Time a straight line through waypoints (K, n) at `distances` (K,) [m] along it."""
        tcp = TcpLimit(distances, speed, _LINE_ACCELERATION)
        return parameterize(path, self._limits, self._speed_scale, tcp)

    def _is_free(self, path: np.ndarray, has_closed_fingers: bool) -> bool:
        for a, b in itertools.pairwise(path):
            count = max(1, int(np.ceil(np.abs(b - a).max() / CHECK_STEP)))
            for s in np.linspace(0.0, 1.0, count + 1)[1:]:
                positions = a + s * (b - a)
                if self.find_collision(positions) is not None:
                    return False
                if has_closed_fingers and self.find_closed_collision(positions) is not None:
                    return False
        return True


def _with_points_on_edges(path: np.ndarray, step: float) -> np.ndarray:
    """Add points along the edges so that the spline through them stays near the checked path."""
    dense = [path[0]]
    for a, b in itertools.pairwise(path):
        count = max(2, int(np.ceil(np.abs(b - a).max() / step)))
        dense.extend(a + s * (b - a) for s in np.linspace(0.0, 1.0, count + 1)[1:])
    return np.array(dense)
