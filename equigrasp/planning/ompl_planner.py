"""Motion planning with OMPL's RRT-Connect, collision checks and TOPP-RA timing."""

import numpy as np
from ompl import base as ob
from ompl import geometric as og
from ompl import util as ou

from equigrasp.devices.arm import JointTrajectory
from equigrasp.devices.cell import RobotCell
from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.collision_scene import CollisionScene
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.time_parameterization import parameterize, slow_down

_CHECK_STEP = 0.08  # [rad] between collision checks along a path
_LINE_STEP = 0.02  # [m] between waypoints of a straight line
_MAX_JUMP = 0.5  # [rad] a joint may turn between waypoints of a line
_PLANNING_TIME = 2.0  # [s]


class OmplPlanner(MotionPlanner):
    """Tries the straight joint-space path first, which nearly always is free, then RRT-Connect."""

    def __init__(self, cell: RobotCell) -> None:
        self._limits = cell.arm_config.limits
        self._speed_scale = cell.config.motion.speed_scale
        self.kinematics = Kinematics(cell.arm_config, cell.gripper_config)
        self.scene = CollisionScene(self.kinematics, cell.config.workspaces)
        ou.setLogLevel(ou.LogLevel.LOG_ERROR)

    def forward_kinematics(self, joint_positions: np.ndarray) -> Transform:
        return self.kinematics.forward(joint_positions)

    def inverse_kinematics(self, t_base_tcp: Transform, seed: np.ndarray) -> np.ndarray:
        contact = None
        for q in self.kinematics.solutions(t_base_tcp, seed):
            contact = self.scene.find_collision(q)
            if contact is None:
                return q
        x, y, z = t_base_tcp.position
        raise CollisionError(
            f"TCP position ({x:.3f}, {y:.3f}, {z:.3f}) m would bring {contact} into contact."
        )

    def check(self, joint_positions: np.ndarray, what: str) -> None:
        self.scene.check(joint_positions, what)

    def plan_joints(self, start: np.ndarray, goal: np.ndarray) -> JointTrajectory:
        self.scene.check(goal, "The goal")
        path = np.stack([start, goal])
        if not self._is_free(path):
            path = self._search(start, goal)
        return parameterize(path, self._limits, self._speed_scale)

    def plan_line(self, start: np.ndarray, goal: Transform, speed: float) -> JointTrajectory:
        first = self.kinematics.forward(start)
        count = max(2, int(np.ceil(np.linalg.norm(goal.position - first.position) / _LINE_STEP)))
        turn = (first.rotation.inv() * goal.rotation).as_rotvec()
        path = [np.asarray(start, dtype=float)]
        for s in np.linspace(0.0, 1.0, count + 1)[1:]:
            position = (1 - s) * first.position + s * goal.position
            rotation = first.rotation * type(first.rotation).from_rotvec(s * turn)
            q = self.kinematics.solve(Transform(position, rotation.as_quat()), path[-1])
            if q is None or np.abs(q - path[-1]).max() > _MAX_JUMP:
                x, y, z = position
                raise UnreachableError(
                    f"A straight line of the TCP breaks off at ({x:.3f}, {y:.3f}, {z:.3f}) m."
                )
            path.append(q)
        trajectory = parameterize(np.stack(path), self._limits, self._speed_scale)
        fastest = self.kinematics.tcp_speeds(trajectory.positions, trajectory.velocities).max()
        return slow_down(trajectory, max(1.0, float(fastest) / speed))

    def external_force(
        self, positions: np.ndarray, velocities: np.ndarray, efforts: np.ndarray
    ) -> np.ndarray:
        return self.kinematics.external_force(positions, velocities, efforts)

    def _is_free(self, path: np.ndarray) -> bool:
        for a, b in zip(path[:-1], path[1:], strict=True):
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
        setup.setStartAndGoalStates(_state(space, start), _state(space, goal))
        setup.setPlanner(og.RRTConnect(setup.getSpaceInformation()))
        setup.solve(_PLANNING_TIME)
        if not setup.haveExactSolutionPath():
            raise PlanningError(f"No collision-free path found within {_PLANNING_TIME} s.")
        setup.simplifySolution()
        states = setup.getSolutionPath().getStates()
        path = np.array([[s[i] for i in range(count)] for s in states])
        return _rounded(path)


def _state(space: "ob.RealVectorStateSpace", values: np.ndarray) -> "ob.State":
    state = space.allocState()
    for i, value in enumerate(values):
        state[i] = float(value)
    return state


def _rounded(path: np.ndarray) -> np.ndarray:
    """Add points along the edges so that the spline through them stays near the checked path."""
    dense = [path[0]]
    for a, b in zip(path[:-1], path[1:], strict=True):
        count = max(2, int(np.ceil(np.abs(b - a).max() / 0.15)))
        dense.extend(a + s * (b - a) for s in np.linspace(0.0, 1.0, count + 1)[1:])
    return np.array(dense)
