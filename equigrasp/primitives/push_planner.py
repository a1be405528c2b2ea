"""Plan a whole push before anything moves."""

from dataclasses import dataclass, replace

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.motion import JointTrajectory
from equigrasp.devices.safety import SafetyBox
from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import Push
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace, way_out
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.top_down import plan_from_above
from equigrasp.primitives.validation import check_position

_SHORTEST = 0.01  # [m] a stroke that is cut to less is no push
_CHECK_STEP = 0.01  # [m] between two postures of a stroke that are held against the cell


@dataclass(frozen=True, eq=False)
class PushPlan:
    """All motions of a push up to the end of its stroke, and where that ends."""

    approach: JointTrajectory
    descend: JointTrajectory
    stroke: JointTrajectory
    end: Transform


def clipped(push: Push, workspace: Workspace, box: SafetyBox) -> Push:
    """Return a push that ends at the latest where the workspace or the safety box does.

    Raises:
        CommandRejectedError: if next to nothing is left of it.
    """
    start, ahead = (push.x, push.y), (np.cos(push.direction), np.sin(push.direction))
    within = way_out(start, ahead, *workspace.action_bounds)
    length = min(push.length, within, way_out(start, ahead, box.lower, box.upper))
    if length < _SHORTEST:
        raise CommandRejectedError(
            f"A push from ({push.x:.3f}, {push.y:.3f}) m towards {push.direction:.3f} rad leaves "
            f"workspace '{workspace.name}' or the safety box within {_SHORTEST} m."
        )
    return replace(push, length=float(length))


class PushPlanner:
    """Plans pushes of a cell: over the start, down, along the stroke."""

    def __init__(self, cell: RobotCell, planner: MotionPlanner) -> None:
        self._cell = cell
        self._planner = planner

    def plan(self, push: Push, start: np.ndarray) -> PushPlan:
        """Plan a push with the closed fingers' wide side ahead.

        Args:
            push: Within workspace and box.
            start: Where the arm is, shape (n,) [rad].

        Raises:
            CommandRejectedError: if a height is outside the safety box.
            PlanningError: if the push is unreachable or in collision.
        """
        settings = self._cell.config.motion
        above = push.z + settings.approach_height
        check_position(push.x, push.y, above, self._cell)
        return plan_from_above(
            self._planner,
            (push.x, push.y, above),
            push.direction,
            start,
            lambda positions, theta: self._plan_from(push, start, positions, theta),
        )

    def stroke_from(self, present: np.ndarray, end: Transform) -> JointTrajectory:
        """Plan the stroke from where the arm is, at the height that it is at; errors as `plan`.

        Args:
            present: Where the arm rests, shape (n,) [rad].
            end: Where the planned stroke ends.
        """
        height = float(self._planner.forward_kinematics(present).position[2])
        goal = Transform(np.array([*end.position[:2], height]), end.quat_xyzw)
        stroke = self._planner.plan_line(present, goal, self._cell.config.motion.push_speed)
        self._check(stroke)
        return stroke

    def _plan_from(
        self, push: Push, start: np.ndarray, positions: np.ndarray, theta: float
    ) -> PushPlan:
        settings = self._cell.config.motion
        x = push.x + push.length * np.cos(push.direction)
        y = push.y + push.length * np.sin(push.direction)
        down = Transform.top_down(push.x, push.y, push.z, theta)
        end = Transform.top_down(x, y, push.z, theta)
        speed = min(settings.approach_speed, settings.descent_speed)
        descend = self._planner.plan_line(positions, down, speed)
        bottom = descend.positions[-1]
        stroke = self._planner.plan_line(bottom, end, settings.push_speed)
        self._check(stroke)
        # The fingers close on the way.
        approach = self._planner.plan_joints(start, positions, has_closed_fingers=True)
        return PushPlan(approach, descend, stroke, end)

    def _check(self, stroke: JointTrajectory) -> None:
        """Hold postures along a stroke against the cell: its fixed parts, not what is pushed."""
        num = 1 + int(stroke.duration * self._cell.config.motion.push_speed / _CHECK_STEP)
        chosen = np.unique(np.linspace(0, len(stroke.positions) - 1, num + 1).round().astype(int))
        for positions in stroke.positions[chosen]:
            self._planner.check(positions, "The push", has_closed_fingers=True)
