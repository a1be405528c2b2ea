"""Refuse goals that cannot or must not be carried out, before anything moves."""

from equigrasp.devices.cell import RobotCell
from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace


def check_grasp(grasp: PlanarGrasp, workspace: Workspace, cell: RobotCell) -> None:
    """Raise `CommandRejectedError` unless a grasp lies in its workspace and suits the gripper."""
    _check_place("Grasp position", "Grasp height", (grasp.x, grasp.y, grasp.z), workspace)
    stroke = cell.gripper_config.limits.stroke
    if not 0.0 < grasp.width <= stroke + 1e-9:
        raise CommandRejectedError(
            f"Grasp width {grasp.width:.4f} m is not in (0, {stroke}] m, the gripper's stroke."
        )
    check_position(grasp.x, grasp.y, grasp.z, cell)


def check_push(push: Push, workspace: Workspace, cell: RobotCell) -> None:
    """Raise `CommandRejectedError` unless a push begins in its workspace and the safety box."""
    _check_place("Push start", "Push height", (push.x, push.y, push.z), workspace)
    check_position(push.x, push.y, push.z, cell)


def check_position(x: float, y: float, z: float, cell: RobotCell) -> None:
    """Raise `CommandRejectedError` unless a TCP position [m] is finite and in the safety box."""
    cell.config.safety.box.check((x, y, z))


def _check_place(
    place: str, height: str, position: tuple[float, float, float], workspace: Workspace
) -> None:
    """Raise `CommandRejectedError`, with these words for it, unless a position [m] is in a workspace."""
    x, y, z = position
    half = workspace.action_size_px * workspace.pixel_size / 2.0
    if not workspace.contains_xy(x, y):
        raise CommandRejectedError(
            f"{place} ({x:.3f}, {y:.3f}) m is outside workspace "
            f"'{workspace.name}': x in [{workspace.center_x - half:.3f}, "
            f"{workspace.center_x + half:.3f}], y in [{workspace.center_y - half:.3f}, "
            f"{workspace.center_y + half:.3f}] m."
        )
    if not workspace.floor_z <= z <= workspace.ceiling_z:
        raise CommandRejectedError(
            f"{height} {z:.3f} m is outside workspace '{workspace.name}': "
            f"[{workspace.floor_z:.3f}, {workspace.ceiling_z:.3f}] m."
        )
