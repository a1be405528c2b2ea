"""An error's kind and device decide its code, whatever its words are."""

import pytest

pytest.importorskip("equigrasp_interfaces")

from equigrasp_interfaces.msg import MotionResult  # noqa: E402

from equigrasp.devices.motion import StopReason  # noqa: E402
from equigrasp.errors import (  # noqa: E402
    ArmStoppedError,
    CollisionError,
    CommandRejectedError,
    Device,
    DeviceTimeoutError,
    EquigraspError,
    NotConnectedError,
    PerceptionError,
    UnreachableError,
)
from equigrasp.ros.executor.goal_codes import code_of  # noqa: E402

CODES = MotionResult


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeviceTimeoutError("gripper and camera wait for the arm"), CODES.ARM_FAILED),
        (NotConnectedError("no joint states", Device.GRIPPER), CODES.GRIPPER_FAILED),
        (DeviceTimeoutError("no image", Device.CAMERA), CODES.CAMERA_FAILED),
        (CommandRejectedError("the camera is in the way"), CODES.INVALID_GOAL),
        (ArmStoppedError("gripper", StopReason.PROTECTIVE_STOP), CODES.PROTECTIVE_STOP),
        (ArmStoppedError("gripper", StopReason.BLOCKED), CODES.ARM_FAILED),
        (CollisionError("the gripper touches"), CODES.IN_COLLISION),
        (UnreachableError("too far"), CODES.UNREACHABLE),
        (PerceptionError("all NaN"), CODES.CAMERA_FAILED),
        (EquigraspError("anything with a camera"), CODES.ARM_FAILED),
    ],
)
def test_an_error_has_the_code_of_its_kind(error: EquigraspError, code: int) -> None:
    assert code_of(error) == code
