"""The two equal yaws of a gripper that points down."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from equigrasp.errors import CollisionError, PlanningError, UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.motion_planner import MotionPlanner

P = TypeVar("P")


def plan_from_above(
    planner: MotionPlanner,
    position: tuple[float, float, float],
    theta: float,
    start: np.ndarray,
    plan: Callable[[np.ndarray, float], P],
) -> P:
    """Return the first plan that works, from the postures over a point that are nearest to the arm.

    Args:
        planner: Of the cell.
        position: Of the TCP, x, y, z [m].
        theta: Yaw [rad]; half a turn more or less is the same to the gripper.
        start: Where the arm is, shape (n,) [rad].
        plan: Plans on from a posture (n,) [rad] and its yaw [rad]; raises `PlanningError`.

    Raises:
        PlanningError: the last one, if none works.
    """
    error: PlanningError | None = None
    candidates = []
    for yaw in (theta, theta + np.pi, theta - np.pi):
        try:
            pose = Transform.top_down(*position, yaw)
            candidates.append((planner.inverse_kinematics(pose, start), yaw))
        except (UnreachableError, CollisionError) as failure:
            error = failure
    candidates.sort(key=lambda c: float(np.abs(c[0] - start).max()))
    for posture, yaw in candidates:
        try:
            return plan(posture, yaw)
        except PlanningError as failure:
            error = failure
    assert error is not None
    raise error
