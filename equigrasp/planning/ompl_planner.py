"""Motion planning with OMPL's RRT-Connect; needs nothing but pip."""

import numpy as np
from ompl import base as ob
from ompl import geometric as og
from ompl import util as ou

from equigrasp.devices.cell import RobotCell
from equigrasp.errors import PlanningError
from equigrasp.planning.collision_scene import CollisionScene, Contact
from equigrasp.planning.joint_space_planner import CHECK_STEP, JointSpacePlanner
from equigrasp.planning.object_field import ObjectField

_PLANNING_TIME = 2.0  # [s]


class OmplPlanner(JointSpacePlanner):
    """Collision checks by HPP-FCL, searches by RRT-Connect.

    Args:
        cell: See `JointSpacePlanner`.
        seed: Seeds RRT-Connect. OMPL has one generator a process: it is seeded once, by the first
            planner.
    """

    def __init__(self, cell: RobotCell, *, seed: int = 0) -> None:
        super().__init__(cell)
        self.scene = CollisionScene(self.kinematics, cell.config)
        ou.setLogLevel(ou.LogLevel.LOG_NONE)
        ou.RNG.setSeed(seed + 1)  # OMPL takes 0 for "by the clock"

    def set_objects(self, objects: ObjectField | None) -> None:
        self.scene.set_objects(objects)

    def find_collision(self, joint_positions: np.ndarray) -> Contact | None:
        return self.scene.find_collision(joint_positions)

    def _search(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        count = len(start)
        space = ob.RealVectorStateSpace(count)
        bounds = ob.RealVectorBounds(count)
        for i in range(count):  # wide enough for a way round, no full turns
            low, high = self._limits.lower[i], self._limits.upper[i]
            bounds.setLow(i, float(min(start[i], max(low, min(start[i], goal[i]) - 1.5))))
            bounds.setHigh(i, float(max(start[i], min(high, max(start[i], goal[i]) + 1.5))))
        space.setBounds(bounds)
        setup = og.SimpleSetup(space)
        setup.setStateValidityChecker(
            lambda s: not self.find_collision(np.array([s[i] for i in range(count)]))
        )
        information = setup.getSpaceInformation()
        information.setStateValidityCheckingResolution(CHECK_STEP / space.getMaximumExtent())
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
