"""What a simulated grasp ends with where what was grasped leaves the table."""

import threading

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.primitives.motion import Motion
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.servo import ServoPrimitive


def take_away(cell: RobotCell, world: World, is_gripping: bool) -> list[int]:
    """Take what hangs in the fingers out of the world, and return its handles.

    Args:
        cell: A simulated cell, its arm where the lift ended.
        world: Its world.
        is_gripping: Whether the fingers report an object; what the simulator does not see hanging there
            is dropped where it was.
    """
    held = world.held_objects()
    for handle in held:
        world.remove_object(handle)
    if is_gripping and not held:
        Motion(cell, threading.Event()).open_fingers()
    return held


def clear_view(cell: RobotCell, pick: PickPrimitive | ServoPrimitive) -> None:
    """Bring the arm out of the camera's view, opening the fingers on the way."""
    motion = Motion(cell, threading.Event())
    motion.start_fingers(cell.gripper_config.limits.stroke)
    pick.go_home()
    motion.wait_for_fingers()
