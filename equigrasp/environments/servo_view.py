"""What a hand in closed loop sees: heights remembered from before it came, and what a camera sees past it."""

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.environments.open_loop_grasp import observe
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.gripper_crop import crop_about_gripper, nearest_about_gripper
from equigrasp.perception.height_memory import HeightMemory, visible_heights
from equigrasp.perception.observation import GRIPPER, HEIGHTMAP, Observation
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    TCP,
    GripperStatus,
    pack_ages,
    pack_bounds,
    pack_heights,
)
from equigrasp.planning.robot_mask import RobotMask
from equigrasp.primitives.servo import ServoState


class ServoView:
    """Makes the observations of an episode.

    Args:
        cell: The devices.
        task: What is to be seen.

    Raises:
        ConfigError: if the cell has no camera of the name.
    """

    def __init__(self, cell: RobotCell, task: ServoTask) -> None:
        if task.camera not in cell.cameras:
            raise ConfigError(
                f"Cell '{cell.config.name}' has no camera '{task.camera}', which a grasp in closed "
                f"loop looks through. Its cameras: {', '.join(cell.cameras)}."
            )
        self._cell, self._task = cell, task
        self._mask = RobotMask(cell.arm_config, cell.gripper_config)
        self._memory: HeightMemory | None = None
        self._picture = np.zeros((0, 0, 3), np.uint8)
        self._stamp = 0.0

    def begin(self, workspace: Workspace) -> Observation:
        """Look from above, the arm out of the way, and forget what was; return the heightmap.

        Raises:
            PerceptionError: if the workspace is not to be seen.
            DeviceError: if the camera does not answer.
        """
        seen = observe(self._cell, workspace)
        self._memory = HeightMemory(workspace)
        self._memory.begin(seen.heightmap, seen.stamp)
        return seen

    def look(self) -> None:
        """Look past the hand, the arm at rest; errors as `begin`, and then the memory is as before."""
        memory, camera = self._require(), self._cell.cameras[self._task.camera]
        frame = camera.capture()
        if self._task.sight == "picture":
            self._picture = frame.color
        else:
            positions = self._cell.arm.joint_state().positions
            width = self._cell.gripper.state().width
            robot = self._mask.pixels(positions, width, camera.model, camera.T_base_camera)
            seen = visible_heights(
                frame.depth, camera.model, camera.T_base_camera, memory.workspace, robot
            )
            memory.update(seen, frame.stamp)
        self._stamp = frame.stamp

    def observation(
        self, state: ServoState, bounds: tuple[np.ndarray, np.ndarray], steps_left: float
    ) -> Observation:
        """Return what a policy receives, as of the last look.

        Args:
            state: Of the hand.
            bounds: Smallest and largest admissible motion, (4,) each, in the task's frame.
            steps_left: Share of the episode's steps.
        """
        memory = self._require()
        status = GripperStatus(
            state.height, state.opening, state.is_closed, state.is_stalled, steps_left
        )
        arrays = {
            GRIPPER: status.array,
            BOUNDS: pack_bounds(*bounds),
            TCP: np.array([*state.position, state.yaw]),
        }
        if self._task.sight == "picture":
            arrays[PICTURE] = self._picture
        else:
            arrays |= self._crops(memory, state) | {HEIGHTMAP: memory.heights}
        return Observation(arrays, memory.workspace, self._stamp)

    def _crops(self, memory: HeightMemory, state: ServoState) -> dict[str, np.ndarray]:
        yaw = state.yaw if self._task.frame == "gripper" else 0.0
        where = memory.workspace, state.position[:2], yaw
        size, pixel_size = self._task.crop_px, self._task.crop_pixel_size
        heights = crop_about_gripper(memory.heights, *where, size_px=size, pixel_size=pixel_size)
        ages = nearest_about_gripper(
            memory.ages(self._stamp), *where, size_px=size, pixel_size=pixel_size
        )
        return {HEIGHTS: pack_heights(heights), AGE: pack_ages(ages)}

    def _require(self) -> HeightMemory:
        if self._memory is None:
            raise ConfigError("Nothing was seen from above yet: begin first.")
        return self._memory
