"""Between messages and what an arm measures: joints and force."""

import array
import math
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import Vector3, WrenchStamped
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.motion import JointState
from equigrasp.geometry.transform import Transform
from equigrasp.ros import names
from equigrasp.ros.messages.times import from_time, to_time


def to_joint_state_msg(state: JointState, joint_names: tuple[str, ...]) -> JointStateMsg:
    """Return measured joints as a message."""
    message = JointStateMsg(
        name=list(joint_names),
        position=state.positions.tolist(),
        velocity=state.velocities.tolist(),
        effort=state.efforts.tolist(),
    )
    message.header.stamp = to_time(state.stamp)
    return message


def from_joint_state_msg(
    message: JointStateMsg, joint_names: tuple[str, ...]
) -> JointState | None:
    """Return the named joints in their order, or None if the message does not say where they are.

    Drivers may tell of other joints as well, in any order, and of NaN until their robot answers.
    Velocities that they do not tell are NaN, efforts 0.
    """
    index = {name: i for i, name in enumerate(message.name)}
    is_whole = len(message.position) == len(message.name)
    if not is_whole or not all(name in index for name in joint_names):
        return None
    order = [index[name] for name in joint_names]

    def pick(values: "array.array[float]") -> np.ndarray:
        return np.array([values[i] if len(values) > i else math.nan for i in order])

    positions, velocities = pick(message.position), pick(message.velocity)
    if not np.isfinite(positions).all():
        return None
    return JointState(
        from_time(message.header.stamp),
        positions,
        np.where(np.isfinite(velocities), velocities, math.nan),
        np.nan_to_num(pick(message.effort), posinf=0.0, neginf=0.0),
    )


def to_wrench_msg(force: np.ndarray, stamp: float) -> WrenchStamped:
    """Return a force on the TCP in base, shape (3,) [N], as a message without torques."""
    message = WrenchStamped()
    message.header.stamp, message.header.frame_id = to_time(stamp), names.BASE_FRAME
    message.wrench.force = Vector3(x=float(force[0]), y=float(force[1]), z=float(force[2]))
    return message


def from_wrench_msg(message: WrenchStamped, t_base_tcp: Callable[[], Transform]) -> np.ndarray:
    """Return the force of a message in base, shape (3,) [N].

    Args:
        message: In the base frame, as our arm node sends it, or in any other frame, which is taken
            for one that is fixed to the tool, as ur_robot_driver sends it.
        t_base_tcp: Tells where the tool is.
    """
    f = message.wrench.force
    force = np.array([f.x, f.y, f.z])
    if message.header.frame_id == names.BASE_FRAME:
        return force
    return t_base_tcp().rotation.apply(force)
