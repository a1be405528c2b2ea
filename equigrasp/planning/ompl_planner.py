"""Motion planning with OMPL's RRT-Connect, collision checks and TOPP-RA timing."""

import itertools

import numpy as np
from ompl import base as ob
from ompl import geometric as og
from ompl import util as ou

from equigrasp.devices.arm import JointTrajectory
from equigrasp.devices.calibrated_cell import load_camera
from equigrasp.devices.cell import RobotCell
from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.camera_view import CameraView
from equigrasp.planning.collision_scene import CollisionScene, Obstacle
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.time_parameterization import TcpLimit, parameterize

_CHECK_STEP = 0.03  # [rad] between collision checks along a path: 27 mm at the UR5's full reach
_LINE_STEP = 0.02  # [m] between waypoints of a straight line
_MAX_JUMP = 0.5  # [rad] a joint may turn between waypoints of a line
_LINE_ACCELERATION = 1.5  # [m/s²] of the TCP on a straight line: a held object stays put
_PLANNING_TIME = 2.0  # [s]
_NUM_SEARCHES = 5  # each draws another path
_EDGE_STEPS = (0.15, 0.05)  # [rad] between spline points of a path round an obstacle


class OmplPlanner(MotionPlanner):
    """Tries the straight joint-space path first, which nearly always is free, then RRT-Connect.

    Args:
        cell: Arm, gripper, trays and camera to plan for; no device of it is used.
        obstacles: What else stands in the cell.
        seed: Seeds RRT-Connect. OMPL has one generator a process: it is seeded once, by the first
            planner.
    """

    def __init__(
        self, cell: RobotCell, *, obstacles: tuple[Obstacle, ...] = (), seed: int = 0
    ) -> None:
        self._limits = cell.arm_config.limits
        self._speed_scale = cell.config.motion.speed_scale
        self.kinematics = Kinematics(cell.arm_config, cell.gripper_config)
        self.scene = CollisionScene(self.kinematics, cell.config.workspaces, obstacles)
        self._view = CameraView(self.kinematics, load_camera(cell.config))
        ou.setLogLevel(ou.LogLevel.LOG_NONE)
        ou.RNG.setSeed(seed + 1)  # OMPL takes 0 for "by the clock"

    def forward_kinematics(self, joint_positions: np.ndarray) -> Transform:
        return self.kinematics.forward(joint_positions)

    def inverse_kinematics(self, t_base_tcp: Transform, seed: np.ndarray) -> np.ndarray:
        contact = None
        near = self.kinematics.solutions(t_base_tcp, seed)
        for q in itertools.chain(near, self.kinematics.more_solutions(t_base_tcp)):
            contact = self.scene.find_collision(q)
            if contact is None:
                return q
            if "finger" in contact or "gripper" in contact or "robotiq" in contact:
                break  # where the gripper touches does not depend on the arm's posture
        x, y, z = t_base_tcp.position
        raise CollisionError(
            f"TCP position ({x:.3f}, {y:.3f}, {z:.3f}) m would bring {contact} into contact."
        )

    def check(self, joint_positions: np.ndarray, what: str) -> None:
        self.scene.check(joint_positions, what)

    def plan_joints(self, start: np.ndarray, goal: np.ndarray) -> JointTrajectory:
        self.scene.check(goal, "The goal")
        path = np.stack([start, goal])
        if self._is_free(path):
            return parameterize(path, self._limits, self._speed_scale)
        self.scene.check(start, "The start of a motion")
        for _ in range(_NUM_SEARCHES):
            corners = self._search(start, goal)
            for edge_step in _EDGE_STEPS:
                path = _with_points_on_edges(corners, edge_step)
                trajectory = parameterize(path, self._limits, self._speed_scale)
                if self._is_free(trajectory.positions):  # splines cut and swing out at corners
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
            if q is None or np.abs(q - path[-1]).max() > _MAX_JUMP:
                x, y, z = position
                raise UnreachableError(
                    f"A straight line of the TCP breaks off at ({x:.3f}, {y:.3f}, {z:.3f}) m."
                )
            path.append(q)
        tcp = TcpLimit(shares * length, speed, _LINE_ACCELERATION)
        return parameterize(np.stack(path), self._limits, self._speed_scale, tcp)

    def is_in_view(self, workspace: Workspace, joint_positions: np.ndarray) -> bool:
        return self._view.is_free(joint_positions, workspace)

    def external_force(
        self, positions: np.ndarray, velocities: np.ndarray, efforts: np.ndarray
    ) -> np.ndarray:
        return self.kinematics.external_force(positions, velocities, efforts)

    def _is_free(self, path: np.ndarray) -> bool:
        for a, b in itertools.pairwise(path):
            count = max(1, int(np.ceil(np.abs(b - a).max() / _CHECK_STEP)))
            for s in np.linspace(0.0, 1.0, count + 1)[1:]:
                if self.scene.find_collision(a + s * (b - a)) is not None:
                    return False
        return True

    def _search(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        count = len(start)
        space = ob.RealVectorStateSpace(count)
        bounds = ob.RealVectorBounds(count)
        for i in range(count):  # wide enough for a way round, no full turns
            bounds.setLow(i, float(max(self._limits.lower[i], min(start[i], goal[i]) - 1.5)))
            bounds.setHigh(i, float(min(self._limits.upper[i], max(start[i], goal[i]) + 1.5)))
        space.setBounds(bounds)
        setup = og.SimpleSetup(space)
        setup.setStateValidityChecker(
            lambda s: not self.scene.find_collision(np.array([s[i] for i in range(count)]))
        )
        information = setup.getSpaceInformation()
        information.setStateValidityCheckingResolution(_CHECK_STEP / space.getMaximumExtent())
        setup.setStartAndGoalStates(_state(space, start), _state(space, goal))
        setup.setPlanner(og.RRTConnect(information))
        setup.solve(_PLANNING_TIME)
        if not setup.haveExactSolutionPath():
            raise PlanningError(f"No collision-free path found within {_PLANNING_TIME} s.")
        setup.simplifySolution()
        states = setup.getSolutionPath().getStates()
        return np.array([[s[i] for i in range(count)] for s in states])


def _state(space: "ob.RealVectorStateSpace", values: np.ndarray) -> "ob.State":
    state = space.allocState()
    for i, value in enumerate(values):
        state[i] = float(value)
    return state


def _with_points_on_edges(path: np.ndarray, step: float) -> np.ndarray:
    """Add points along the edges so that the spline through them stays near the checked path."""
    dense = [path[0]]
    for a, b in itertools.pairwise(path):
        count = max(2, int(np.ceil(np.abs(b - a).max() / step)))
        dense.extend(a + s * (b - a) for s in np.linspace(0.0, 1.0, count + 1)[1:])
    return np.array(dense)
