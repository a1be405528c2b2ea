"""Error codes of the executor's actions, and what they stand for."""

from equigrasp_interfaces.msg import MotionResult
from equigrasp_interfaces.srv import PlanGrasp, PlanPushGrasp

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

_DEVICE_CODES = {
    Device.ARM: MotionResult.ARM_FAILED,
    Device.GRIPPER: MotionResult.GRIPPER_FAILED,
    Device.CAMERA: MotionResult.CAMERA_FAILED,
}
_STOP_CODES = {
    StopReason.PROTECTIVE_STOP: MotionResult.PROTECTIVE_STOP,
    StopReason.EMERGENCY_STOP: MotionResult.EMERGENCY_STOP,
    StopReason.LINK_LOST: MotionResult.ARM_DISCONNECTED,
    StopReason.NOT_READY: MotionResult.ARM_NOT_READY,
    StopReason.COMMANDER_SILENT: MotionResult.COMMANDER_SILENT,
    StopReason.DRY_RUN: MotionResult.DRY_RUN,
}
PLAN_CODES = {
    PlanGrasp.Response.UNKNOWN_WORKSPACE: MotionResult.INVALID_GOAL,
    PlanGrasp.Response.NO_IMAGE: MotionResult.CAMERA_FAILED,
    PlanGrasp.Response.BAD_IMAGE: MotionResult.CAMERA_FAILED,
    PlanGrasp.Response.EMPTY_WORKSPACE: MotionResult.EMPTY_WORKSPACE,
    PlanGrasp.Response.NOT_ACTIVE: MotionResult.POLICY_FAILED,
    PlanGrasp.Response.NO_GRASP: MotionResult.POLICY_FAILED,
    PlanPushGrasp.Response.UNKNOWN_TARGET: MotionResult.UNKNOWN_TARGET,
    PlanPushGrasp.Response.TARGET_HIDDEN: MotionResult.TARGET_HIDDEN,
    PlanPushGrasp.Response.NO_MASKS: MotionResult.LABELS_FAILED,
    PlanPushGrasp.Response.STALE_LABELS: MotionResult.LABELS_FAILED,
    PlanPushGrasp.Response.BAD_LABELS: MotionResult.LABELS_FAILED,
    PlanPushGrasp.Response.POINT_OUTSIDE: MotionResult.INVALID_GOAL,
    PlanPushGrasp.Response.SEGMENTER_FAILED: MotionResult.LABELS_FAILED,
    PlanPushGrasp.Response.NO_TARGETS: MotionResult.UNSUPPORTED,
    PlanPushGrasp.Response.BAD_REQUEST: MotionResult.INVALID_GOAL,
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
        return _STOP_CODES.get(StopReason(error.reason), int(MotionResult.ARM_FAILED))
    if isinstance(error, (CommandRejectedError, ConfigError)):
        return int(MotionResult.INVALID_GOAL)
    if isinstance(error, CollisionError):
        return int(MotionResult.IN_COLLISION)
    if isinstance(error, PlanningError):
        return int(MotionResult.UNREACHABLE)
    if isinstance(error, PerceptionError):
        return int(MotionResult.CAMERA_FAILED)
    if isinstance(error, DeviceError):
        return int(_DEVICE_CODES[error.device])
    return int(MotionResult.ARM_FAILED)
