"""Between grasp messages and grasps."""

from equigrasp_interfaces.msg import Experience
from equigrasp_interfaces.msg import Grasp as GraspMsg

from equigrasp.errors import CommandRejectedError, ConfigError
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.ros import names
from equigrasp.ros.messages.times import to_time

_NO_PIXEL = PixelGrasp(-1, -1, -1)  # of a grasp that was not chosen on a grid


def to_grasp_msg(
    grasp: PlanarGrasp,
    workspace: str,
    stamp: float,
    pixel: PixelGrasp = _NO_PIXEL,
    q_value: float = float("nan"),
    policy_version: int = 0,
) -> GraspMsg:
    """Return a grasp as a message."""
    message = GraspMsg(
        workspace=workspace,
        theta=grasp.theta,
        width=grasp.width,
        row=pixel.row,
        col=pixel.col,
        rotation_bin=pixel.rotation_bin,
        q_value=q_value,
        policy_version=policy_version,
    )
    message.header.stamp = to_time(stamp)
    message.header.frame_id = names.BASE_FRAME
    message.position.x, message.position.y, message.position.z = grasp.x, grasp.y, grasp.z
    return message


def from_grasp_msg(message: GraspMsg) -> PlanarGrasp:
    """Return a message as a grasp.

    Raises:
        CommandRejectedError: if a number is not finite or the frame is not the base frame.
    """
    if message.header.frame_id not in ("", names.BASE_FRAME):
        raise CommandRejectedError(
            f"Grasps are given in frame '{names.BASE_FRAME}', found '{message.header.frame_id}'."
        )
    p = message.position
    return PlanarGrasp(p.x, p.y, p.z, message.theta, message.width)


def check_mode(mode: int) -> None:
    """Raise `ConfigError` unless `mode` is a way to choose."""
    modes = {
        Experience.MODE_RANDOM: "MODE_RANDOM",
        Experience.MODE_TRAIN: "MODE_TRAIN",
        Experience.MODE_GREEDY: "MODE_GREEDY",
    }
    if mode not in modes:
        known = ", ".join(f"{number} ({name})" for number, name in modes.items())
        raise ConfigError(f"Unknown mode {mode}. Known: {known}.")
