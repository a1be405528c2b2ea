"""The objects in a tray as a solid height field, with the target of a grasp told apart."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import grey_dilation

from equigrasp.devices.obstacle import Obstacle
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation

_MIN_HEIGHT = 0.01  # [m] less than this above the floor is noise of the camera
_TARGET_MARGIN = 0.03  # [m] beyond the opened pads, which are 10 mm thick and 22 mm wide
_BLOCK_PX = 4  # cells along a side of the blocks that columns are made of: 12.5 mm
_LEVEL = 0.01  # [m] heights of columns are rounded up to multiples of this


@dataclass(frozen=True, eq=False)
class ObjectField:
    """Solid columns from a tray's floor up to the heights that the camera saw.

    Only the action square holds objects: what stands about it is the tray's walls, which planners
    know exactly.

    Args:
        workspace: Where the heights are.
        heights: Height of the objects above the floor, shape (S, S) [m]; 0 where there are none.
        is_target: Cells in which the gripper may touch objects, shape (S, S), bool.
    """

    workspace: Workspace
    heights: np.ndarray
    is_target: np.ndarray

    @staticmethod
    def about(grasp: PlanarGrasp, stroke: float, observation: Observation) -> "ObjectField":
        """Take the objects from a heightmap; the target is the disc that the open fingers reach.

        Args:
            grasp: What is aimed at.
            stroke: Opening of the gripper that is planned with: its largest [m].
            observation: Where the objects are seen.
        """
        workspace = observation.workspace
        size, border = workspace.heightmap_size_px, workspace.border_px
        inside = slice(border, size - border)
        heights = np.zeros((size, size))
        heights[inside, inside] = observation.heightmap[inside, inside]
        heights[heights < _MIN_HEIGHT] = 0.0
        centers = (np.arange(size) - (size - 1) / 2.0) * workspace.pixel_size
        x, y = workspace.center_x + centers[:, None], workspace.center_y + centers[None, :]
        radius = stroke / 2.0 + _TARGET_MARGIN
        is_target = np.hypot(x - grasp.x, y - grasp.y) <= radius
        return ObjectField(workspace, heights, is_target)

    def top(self, *, with_target: bool, reach: float) -> np.ndarray:
        """Return the highest top of an object within `reach` [m] of each cell, shape (S, S) [m].

        Heights are in the base frame; -inf where there is no object.
        """
        heights = self.heights if with_target else np.where(self.is_target, 0.0, self.heights)
        cells = int(np.ceil(reach / self.workspace.pixel_size))
        highest = grey_dilation(heights, size=2 * cells + 1)
        return np.where(highest > 0.0, highest + self.workspace.floor_z, -np.inf)

    def columns(self, *, is_target: bool) -> tuple[Obstacle, ...]:
        """Return the target's objects, or all others, as upright boxes that enclose them.

        Heights are rounded up, and neighbouring blocks of one height are joined: a planner that
        knows boxes only gets some dozens.
        """
        heights = np.where(self.is_target == is_target, self.heights, 0.0)
        count = -(-heights.shape[0] // _BLOCK_PX)
        padded = np.zeros((count * _BLOCK_PX, count * _BLOCK_PX))
        padded[: heights.shape[0], : heights.shape[1]] = heights
        blocks = padded.reshape(count, _BLOCK_PX, count, _BLOCK_PX).max(axis=(1, 3))
        levels = np.ceil(blocks / _LEVEL - 1e-9).astype(int)
        name = "target" if is_target else "object"
        return tuple(
            self._column(f"{name} {k}", block) for k, block in enumerate(_rectangles(levels))
        )

    def _column(self, name: str, block: tuple[int, int, int, int, int]) -> Obstacle:
        row, col, num_rows, num_cols, level = block
        pixel, workspace = self.workspace.pixel_size, self.workspace
        half = workspace.size / 2.0
        size = (
            num_rows * _BLOCK_PX * pixel,
            num_cols * _BLOCK_PX * pixel,
            level * _LEVEL,
        )
        center = (
            workspace.center_x - half + row * _BLOCK_PX * pixel + size[0] / 2.0,
            workspace.center_y - half + col * _BLOCK_PX * pixel + size[1] / 2.0,
            workspace.floor_z + size[2] / 2.0,
        )
        return Obstacle(name, size, center)


def _rectangles(levels: np.ndarray) -> list[tuple[int, int, int, int, int]]:
    """Cover all cells above 0 of a grid (N, N) by rectangles of one level, greedily.

    Returns:
        Row, column, rows, columns and level of each.
    """
    left = levels.copy()
    found = []
    for row, col in np.argwhere(levels > 0):
        level = int(left[row, col])
        if level == 0:
            continue
        num_cols = 1
        while col + num_cols < left.shape[1] and left[row, col + num_cols] == level:
            num_cols += 1
        num_rows = 1
        while (
            row + num_rows < left.shape[0]
            and (left[row + num_rows, col : col + num_cols] == level).all()
        ):
            num_rows += 1
        left[row : row + num_rows, col : col + num_cols] = 0
        found.append((int(row), int(col), num_rows, num_cols, level))
    return found
