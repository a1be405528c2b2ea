"""Codes and modes of the policy node's services, and what they stand for."""

from typing import Any

from equigrasp_interfaces.msg import Experience
from equigrasp_interfaces.srv import PlanGrasp

from equigrasp.errors import ConfigError, DeviceError, EquigraspError, PerceptionError
from equigrasp.learning.interfaces import EmptyWorkspaceError, Mode

_MODES: dict[int, Mode] = {
    Experience.MODE_RANDOM: "random",
    Experience.MODE_TRAIN: "train",
    Experience.MODE_GREEDY: "greedy",
}


class PlanError(PerceptionError):
    """A request ends with an error code of its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def plan_code(error: EquigraspError) -> int:
    """Return the error code of a request that ended by an exception."""
    codes = PlanGrasp.Response
    if isinstance(error, PlanError):
        return error.code
    if isinstance(error, ConfigError):
        return int(codes.UNKNOWN_WORKSPACE)
    if isinstance(error, EmptyWorkspaceError):
        return int(codes.EMPTY_WORKSPACE)
    if isinstance(error, DeviceError):
        return int(codes.NO_IMAGE)
    return int(codes.BAD_IMAGE)


def mode_of(request: Any, code: int = PlanGrasp.Response.BAD_IMAGE) -> Mode:
    """Return how to choose; raise `PlanError` with a code if there is no such mode."""
    if request.mode not in _MODES:
        raise PlanError(code, f"Unknown mode {request.mode}; modes are {sorted(_MODES)}.")
    return _MODES[request.mode]
