"""Error codes of the executor's actions, and what they stand for."""

from equigrasp_interfaces.action import ExecuteGrasp
from equigrasp_interfaces.srv import PlanGrasp

from equigrasp.devices.motion import StopReason
from equigrasp.errors import (
    ArmStoppedError,
    CollisionError,
    CommandRejectedError,
    ConfigError,
    Device,
    DeviceError,
    EquigraspError,
    PerceptionError,
    PlanningError,
)

_CODES = ExecuteGrasp.Result
_DEVICE_CODES = {
    Device.ARM: _CODES.ARM_FAILED,
    Device.GRIPPER: _CODES.GRIPPER_FAILED,
    Device.CAMERA: _CODES.CAMERA_FAILED,
}
_STOP_CODES = {
    StopReason.PROTECTIVE_STOP: _CODES.PROTECTIVE_STOP,
    StopReason.EMERGENCY_STOP: _CODES.EMERGENCY_STOP,
    StopReason.LINK_LOST: _CODES.ARM_DISCONNECTED,
    StopReason.NOT_READY: _CODES.ARM_NOT_READY,
    StopReason.COMMANDER_SILENT: _CODES.COMMANDER_SILENT,
    StopReason.DRY_RUN: _CODES.DRY_RUN,
}
PLAN_CODES = {
    PlanGrasp.Response.UNKNOWN_WORKSPACE: _CODES.INVALID_GOAL,
    PlanGrasp.Response.NO_IMAGE: _CODES.CAMERA_FAILED,
    PlanGrasp.Response.BAD_IMAGE: _CODES.CAMERA_FAILED,
    PlanGrasp.Response.EMPTY_WORKSPACE: _CODES.EMPTY_WORKSPACE,
    PlanGrasp.Response.NOT_ACTIVE: _CODES.POLICY_FAILED,
    PlanGrasp.Response.NO_GRASP: _CODES.POLICY_FAILED,
}


class GoalError(EquigraspError):
    """A goal ends with an error code of its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: EquigraspError) -> int:
    """Return the error code of a goal that ended by an exception."""
    if isinstance(error, GoalError):
        return error.code
    if isinstance(error, ArmStoppedError):
        return _STOP_CODES.get(StopReason(error.reason), int(_CODES.ARM_FAILED))
    if isinstance(error, (CommandRejectedError, ConfigError)):
        return int(_CODES.INVALID_GOAL)
    if isinstance(error, CollisionError):
        return int(_CODES.IN_COLLISION)
    if isinstance(error, PlanningError):
        return int(_CODES.UNREACHABLE)
    if isinstance(error, PerceptionError):
        return int(_CODES.CAMERA_FAILED)
    if isinstance(error, DeviceError):
        return int(_DEVICE_CODES[error.device])
    return int(_CODES.ARM_FAILED)
