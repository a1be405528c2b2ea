"""Between what a policy chooses and messages."""

from typing import cast

from equigrasp_interfaces.msg import Action as ActionMsg
from equigrasp_interfaces.msg import GripperStep as GripperStepMsg
from equigrasp_interfaces.msg import Observation as ObservationMsg

from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import (
    Action,
    GripperCommand,
    GripperStep,
    PixelGrasp,
    PlanarGrasp,
    Push,
)
from equigrasp.learning.interfaces import Decision
from equigrasp.perception.observation import Observation
from equigrasp.replay.step import Arrays
from equigrasp.ros import names
from equigrasp.ros.messages.arrays import to_array_msgs
from equigrasp.ros.messages.grasps import from_grasp_msg, to_grasp_msg
from equigrasp.ros.messages.pushes import from_push_msg, to_push_msg
from equigrasp.ros.messages.times import to_time

_GRIPPER: dict[int, GripperCommand] = {
    GripperStepMsg.GRIPPER_NONE: "none",
    GripperStepMsg.GRIPPER_OPEN: "open",
    GripperStepMsg.GRIPPER_CLOSE: "close",
}
_PIXEL_KEYS = ("row", "col", "rotation_bin")


def to_action_msg(decision: Decision[Action], observation: Observation) -> ActionMsg:
    """Return a decision as a message.

    Args:
        decision: What was chosen.
        observation: What it was chosen on; tells workspace and time.
    """
    message = ActionMsg(
        encoded=to_array_msgs(decision.encoded),
        value=decision.value,
        policy_version=decision.policy_version,
    )
    action = decision.action
    if isinstance(action, PlanarGrasp):
        message.kind = ActionMsg.KIND_GRASP
        encoded = [decision.encoded.get(key) for key in _PIXEL_KEYS]
        pixel = PixelGrasp(*(-1 if v is None or v.size != 1 else int(v) for v in encoded))
        message.grasp = to_grasp_msg(
            action,
            observation.workspace.name,
            observation.stamp,
            pixel,
            decision.value,
            decision.policy_version,
        )
    elif isinstance(action, Push):
        message.kind = ActionMsg.KIND_PUSH
        message.push = to_push_msg(action, observation.workspace.name, observation.stamp)
    else:
        message.kind = ActionMsg.KIND_STEP
        message.step = GripperStepMsg(d_theta=action.d_theta, is_final=action.is_final)
        way = message.step.d_position
        way.x, way.y, way.z = (float(d) for d in action.d_position)
        message.step.gripper = next(k for k, v in _GRIPPER.items() if v == action.gripper)
    return message


def from_action_msg(message: ActionMsg) -> Action:
    """Return what a message says is to be done.

    Raises:
        CommandRejectedError: if its kind is unknown, or a number in it is not valid.
    """
    if message.kind == ActionMsg.KIND_GRASP:
        return from_grasp_msg(message.grasp)
    if message.kind == ActionMsg.KIND_PUSH:
        return from_push_msg(message.push)
    if message.kind == ActionMsg.KIND_STEP:
        step, way = message.step, message.step.d_position
        gripper = _GRIPPER.get(step.gripper, cast(GripperCommand, str(step.gripper)))
        return GripperStep((way.x, way.y, way.z), step.d_theta, gripper, step.is_final)
    raise CommandRejectedError(
        f"Actions are of kind 0 (grasp), 1 (push) or 2 (step), found {message.kind}."
    )


def to_observation_msg(encoded: Arrays, observation: Observation) -> ObservationMsg:
    """Return what of an observation a method learns from, as a message."""
    message = ObservationMsg(workspace=observation.workspace.name, arrays=to_array_msgs(encoded))
    message.header.stamp = to_time(observation.stamp)
    message.header.frame_id = names.BASE_FRAME
    return message
