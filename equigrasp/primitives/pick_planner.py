"""Plan a whole attempt before anything moves."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.object_field import ObjectField
from equigrasp.primitives.place_target import PlaceTarget
from equigrasp.primitives.top_down import plan_from_above
from equigrasp.primitives.validation import check_position


@dataclass(frozen=True, eq=False)
class PickPlan:
    """All motions of an attempt; `carry` is None where the object stays in the fingers."""

    pre_grasp: JointTrajectory
    descend: JointTrajectory
    lift_pose: Transform
    lift: JointTrajectory
    carry: JointTrajectory | None


class PickPlanner:
    """Plans attempts of a cell: over the grasp, down, up, over the place."""

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self._cell = cell
        self._planner = planner

    @contextlib.contextmanager
    def avoiding_objects(
        self, grasp: PlanarGrasp, observation: Observation | None
    ) -> Iterator[None]:
        """Plan round the objects seen, within the block: afterwards they lie elsewhere."""
        if observation is None or not self._cell.config.motion.avoid_objects:
            yield
            return
        stroke = self._cell.gripper_config.limits.stroke
        self._planner.set_objects(ObjectField.about(grasp, stroke, observation))
        try:
            yield
        finally:
            self._planner.set_objects(None)

    def plan(
        self,
        grasp: PlanarGrasp,
        workspace: Workspace,
        place: PlaceTarget | None,
        start: np.ndarray,
    ) -> PickPlan:
        """Choose the nearer of the two equal yaws and plan the whole attempt.

        Args:
            grasp: What to try.
            workspace: Where it lies; the posture over `place` hides nothing of it, where one can.
            place: Where to put the object; None: nowhere.
            start: Where the arm is, shape (n,) [rad].

        Raises:
            CommandRejectedError: if a height is outside the safety box.
            PlanningError: if the attempt is unreachable or in collision.
        """
        settings = self._cell.config.motion
        above = grasp.z + settings.approach_height
        lifted = grasp.z + settings.lift_height
        descent_speed = min(settings.approach_speed, settings.descent_speed)
        for z in (above, lifted):
            check_position(grasp.x, grasp.y, z, self._cell)
        if place is not None:
            check_position(place.x, place.y, self._place_z(place), self._cell)

        def plan_from(positions: np.ndarray, theta: float) -> PickPlan:
            down = Transform.top_down(grasp.x, grasp.y, grasp.z, theta)
            up = Transform.top_down(grasp.x, grasp.y, lifted, theta)
            descend = self._planner.plan_line(positions, down, descent_speed)
            bottom = descend.positions[-1]
            self._planner.check(bottom, "The grasp")
            lift = self._planner.plan_line(bottom, up, settings.approach_speed)
            top = lift.positions[-1]
            carry = None if place is None else self.plan_carry(top, workspace, place)
            pre_grasp = self._planner.plan_joints(start, positions)
            return PickPlan(pre_grasp, descend, up, lift, carry)

        over = (grasp.x, grasp.y, above)
        return plan_from_above(self._planner, over, grasp.theta, start, plan_from)

    def plan_carry(
        self, start: np.ndarray, workspace: Workspace, place: PlaceTarget
    ) -> JointTrajectory:
        """Plan the way over a place target, to a posture that hides nothing of `workspace`, where one can.

        Raises:
            PlanningError: if the place is unreachable or in collision.
        """
        home = np.asarray(self._cell.arm_config.home_positions)
        error: PlanningError | None = None
        postures = []
        for theta in (place.theta, place.theta + np.pi):
            goal = Transform.top_down(place.x, place.y, self._place_z(place), theta)
            for seed in (start, home):
                try:
                    postures.append(self._planner.inverse_kinematics(goal, seed))
                except (UnreachableError, CollisionError) as failure:
                    error = failure
        if not postures:
            assert error is not None
            raise error
        postures.sort(key=lambda q: float(np.abs(q - start).max()))
        in_view = (q for q in postures if self._planner.is_in_view(workspace, q))
        return self._planner.plan_joints(start, next(in_view, postures[0]))

    def _place_z(self, place: PlaceTarget) -> float:
        return place.workspace.floor_z + self._cell.config.motion.place_height
