"""Height and length of a push at a pixel, and where pushes may begin, by rule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from equigrasp.geometry.actions import PixelPush, Push
from equigrasp.geometry.angles import bin_to_direction
from equigrasp.geometry.workspace import Workspace

FINGER_HALF_WIDTH = 0.011  # [m] of closed fingers, across a push
_LIKE_START = 0.015  # [m] from the start of a push within which others are like it
_LIKE_TURN = math.radians(45.0)  # nor do they differ by more than this


def half_finger_px(workspace: Workspace) -> int:
    """Return half the width of closed fingers in whole pixels, rounded up."""
    return math.ceil(FINGER_HALF_WIDTH / workspace.pixel_size)


@dataclass(frozen=True)
class PushRule:
    """How pushes go, but for their start and direction.

    Args:
        length: Of the stroke (paper, section III-A: 10 cm) [m].
        num_directions: Direction bins in [0, 2 pi).
        clearance: Fingertips go no lower over the floor [m].
        depth: Nor farther below what stands within `patch` of the start [m].
        patch: Side of the square about the start that is looked at for that [m].
        reach: Pushes begin this near to the target at most [m].
        shortest: Of the stroke, where the workspace cuts it [m].
        idle: Pushes that moved nothing, the scene being as it is: none like them is allowed.
    """

    length: float = 0.10
    num_directions: int = 18
    clearance: float = 0.010
    depth: float = 0.020
    patch: float = 0.020
    reach: float = 0.08
    shortest: float = 0.05
    idle: tuple[Push, ...] = ()

    def without(self, idle: Sequence[Push]) -> "PushRule":
        """Return the rule that allows no push like one of these, which moved nothing."""
        return replace(self, idle=tuple(idle)) if idle else self

    def push(self, heightmap: np.ndarray, pixel: PixelPush, workspace: Workspace) -> Push:
        """Return the push that begins at a pixel of a heightmap, shape (S, S) [m]."""
        half = round(self.patch / 2.0 / workspace.pixel_size)
        rows, cols = (slice(max(0, c - half), c + half + 1) for c in (pixel.row, pixel.col))
        top = float(heightmap[rows, cols].max())
        x, y = workspace.pixel_to_xy(pixel.row, pixel.col)
        z = workspace.floor_z + max(self.clearance, top - self.depth)
        direction = bin_to_direction(pixel.direction_bin, self.num_directions)
        return Push(x, y, z, math.remainder(direction, 2.0 * math.pi), self.length)

    def starts(self, target: np.ndarray, workspace: Workspace) -> np.ndarray:
        """Return where a push may begin that shall free a target, on objects or beside them.

        Args:
            target: Its mask, shape (S, S).
            workspace: Of the mask.

        Returns:
            Mask, shape (S, S): near the target and in the action square.
        """
        radius = int(self.reach / workspace.pixel_size)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        near = cv2.dilate(target.astype(np.uint8), disc) > 0
        low, high = workspace.border_px, workspace.border_px + workspace.action_size_px
        inside = np.zeros_like(near)
        inside[low:high, low:high] = True
        return np.asarray(near & inside)

    def allowed(self, target: np.ndarray, workspace: Workspace) -> np.ndarray:
        """Return which pushes may be made to free a target, shape (n, S, S) bool.

        They begin where `starts` says and do not leave the action square too soon.
        """
        size, border = workspace.heightmap_size_px, workspace.border_px
        need = self.shortest / workspace.pixel_size
        pixels = np.arange(size)
        allowed = np.repeat(self.starts(target, workspace)[None], self.num_directions, axis=0)
        for k in range(self.num_directions):
            direction = bin_to_direction(k, self.num_directions)
            for axis, way in enumerate((math.cos(direction), math.sin(direction))):
                end = pixels + need * way
                stays = (end >= border - 0.5) & (end <= size - border - 0.5)
                allowed[k] &= stays[:, None] if axis == 0 else stays[None, :]
        for push in self.idle:
            allowed &= ~self._is_like(push, workspace)
        return allowed

    def _is_like(self, push: Push, workspace: Workspace) -> np.ndarray:
        """Return which pushes are like another, shape (n, S, S)."""
        row, col = workspace.xy_to_pixel(push.x, push.y)
        pixels = np.arange(workspace.heightmap_size_px)
        apart = np.hypot(pixels[:, None] - row, pixels[None, :] - col) * workspace.pixel_size
        near = apart <= _LIKE_START
        turns = [
            math.remainder(bin_to_direction(k, self.num_directions) - push.direction, 2 * math.pi)
            for k in range(self.num_directions)
        ]
        return (np.abs(turns) <= _LIKE_TURN)[:, None, None] & near

    def touches(self, labels: np.ndarray, pixel: PixelPush, workspace: Workspace) -> bool:
        """Tell whether a labelled object, shape (S, S), is seen in the fingers' way."""
        direction = bin_to_direction(pixel.direction_bin, self.num_directions)
        ahead = np.array([math.cos(direction), math.sin(direction)])
        aside = np.array([-ahead[1], ahead[0]])
        along = np.arange(0.0, self.length / workspace.pixel_size, 2.0)
        half = half_finger_px(workspace)
        across = np.arange(-half, half + 1.0, 2.0)
        places = along[:, None, None] * ahead + across[None, :, None] * aside
        rows, cols = (np.round(places + [pixel.row, pixel.col]).astype(int)).reshape(-1, 2).T
        inside = (rows >= 0) & (rows < len(labels)) & (cols >= 0) & (cols < len(labels))
        return bool((labels[rows[inside], cols[inside]] > 0).any())
