"""The motion planners that the executor can use, imported on use."""

import importlib

from equigrasp.devices.cell import RobotCell
from equigrasp.errors import ConfigError
from equigrasp.planning.motion_planner import MotionPlanner

_PLANNERS = {
    "ompl": ("equigrasp.planning.ompl_planner", "OmplPlanner"),
    "moveit": ("equigrasp.nodes.moveit_planner", "MoveItPlanner"),
}


def make_planner(name: str, cell: RobotCell) -> MotionPlanner:
    """Return a planner of a cell by name.

    Raises:
        ConfigError: if the name is unknown, lists the known ones; or if what it needs is missing.
    """
    if name not in _PLANNERS:
        raise ConfigError(f"Unknown planner '{name}'. Known planners: {', '.join(_PLANNERS)}.")
    module, kind = _PLANNERS[name]
    try:
        planner: MotionPlanner = getattr(importlib.import_module(module), kind)(cell)
    except ImportError as error:
        raise ConfigError(str(error)) from error
    return planner
