"""Bring the arm home from wherever it is."""

import logging

import numpy as np

from equigrasp.devices.motion import MotionState
from equigrasp.errors import UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.motion import Motion, halted_on_error

_LOGGER = logging.getLogger(__name__)


def return_home(motion: Motion, planner: MotionPlanner) -> None:
    """Move to the home position, straight up first where the TCP is low; errors as `Motion.follow`."""
    home = np.asarray(motion.cell.arm_config.home_positions)
    start = motion.joint_positions()
    if np.abs(home - start).max() > 1e-3:
        with halted_on_error(motion):
            motion.follow(planner.plan_joints(rise_clear(motion, planner, start), home))


def rise_clear(motion: Motion, planner: MotionPlanner, start: np.ndarray) -> np.ndarray:
    """Rise straight where the TCP is low, and return where the arm then is, shape (n,) [rad].

    Where that is blocked, the fingers let go of what they hold first. Errors as `Motion.follow`.

    Args:
        motion: Moves the cell.
        planner: Plans the way.
        start: Where the arm rests, shape (n,) [rad].
    """
    tcp = planner.forward_kinematics(start)
    height = motion.cell.config.motion.place_height
    if tcp.position[2] >= height:
        return start
    target = Transform(np.array([*tcp.position[:2], height]), tcp.quat_xyzw)
    speed = motion.cell.config.motion.approach_speed
    try:
        line = planner.plan_line(start, target, speed)
    except UnreachableError:
        _LOGGER.warning("No straight way up from where the arm is; moving home directly.")
        return start
    if motion.follow(line, guard=lambda: False) is not MotionState.SUCCEEDED:
        _LOGGER.warning("The way up was blocked; letting go of what is held.")
        motion.open_fingers()
        motion.follow(planner.plan_line(motion.joint_positions(), target, speed))
    return motion.joint_positions()
