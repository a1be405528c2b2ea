"""The motion planners that the executor can use, imported on use."""

import importlib.util

from equigrasp.devices.cell import RobotCell
from equigrasp.errors import ConfigError
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.registry import Registry

PLANNERS = Registry(
    "planner",
    {
        "ompl": "equigrasp.planning.ompl_planner:OmplPlanner",
        "moveit": "equigrasp.ros.executor.moveit_planner:MoveItPlanner",
    },
)
MOVEIT_IS_MISSING = (
    "planner 'moveit' needs MoveIt's Python bindings, moveit_py, which cannot be imported: sudo apt "
    "install ros-jazzy-moveit ros-jazzy-moveit-py; or choose planner 'ompl'."
)


def check_planner(name: str) -> None:
    """Raise `ConfigError` if what a planner needs is missing; starts nothing."""
    if name == "moveit" and importlib.util.find_spec("moveit") is None:
        raise ConfigError(MOVEIT_IS_MISSING)


def make_planner(name: str, cell: RobotCell) -> MotionPlanner:
    """Return a planner of a cell by name.

    Raises:
        ConfigError: if the name is unknown, lists the known ones; or if what it needs is missing.
    """
    kind = PLANNERS.find(name)
    try:
        planner: MotionPlanner = kind(cell)
    except ImportError as error:
        raise ConfigError(str(error)) from error
    return planner
