"""What PushNet sees of a target: a crop about it, turned as one likes."""

from dataclasses import dataclass

import cv2
import numpy as np

from equigrasp.geometry.actions import PixelPush


@dataclass(frozen=True, eq=False)
class PushView:
    """A square about a target.

    Args:
        maps: Scaled heights and target mask, shape (2, C, C), float32.
        masks: Of all objects to be seen there, the target's first, shape (N, C, C), bool.
        centre: Row and column of the crop's middle in the scene, half pixels.
        turn: Direction bins that the crop shows the scene turned by.
        is_mirrored: Whether columns are reversed before that.
        num_directions: Direction bins in [0, 2 pi).
    """

    maps: np.ndarray
    masks: np.ndarray
    centre: np.ndarray
    turn: int
    is_mirrored: bool
    num_directions: int

    def to_crop(self, push: PixelPush) -> PixelPush:
        """Return a push of the scene as the crop shows it; its pixel may lie outside."""
        forward = _forward(self.turn, self.is_mirrored, self.num_directions)
        place = forward @ (np.array([push.row, push.col]) - self.centre) + self._middle
        row, col = (int(v) for v in np.round(place))
        direction = -push.direction_bin if self.is_mirrored else push.direction_bin
        return PixelPush(row, col, (direction + self.turn) % self.num_directions)

    def to_scene(self, push: PixelPush) -> PixelPush:
        """Return a push of the crop as one of the scene."""
        forward = _forward(self.turn, self.is_mirrored, self.num_directions)
        place = forward.T @ (np.array([push.row, push.col]) - self._middle) + self.centre
        row, col = (int(v) for v in np.round(place))
        direction = push.direction_bin - self.turn
        direction = -direction if self.is_mirrored else direction
        return PixelPush(row, col, direction % self.num_directions)

    def contains(self, push: PixelPush) -> bool:
        """Tell whether a push of the crop begins in it."""
        size = self.maps.shape[-1]
        return 0 <= push.row < size and 0 <= push.col < size

    @property
    def _middle(self) -> float:
        return (self.maps.shape[-1] - 1) / 2.0


def push_view(
    heightmap: np.ndarray,
    labels: np.ndarray,
    target: int,
    crop_px: int,
    input_scale: float,
    num_directions: int,
    turn: int = 0,
    is_mirrored: bool = False,
) -> PushView:
    """Return the crop about a target, which shows at least one pixel of itself.

    Heights are interpolated; labels are taken from the nearest cell, never mixed. Beyond the map the
    table goes on.

    Args:
        heightmap: Shape (S, S) [m].
        labels: Shape (S, S), uint8.
        target: Its label.
        crop_px: C.
        input_scale: Of heights [1/m].
        num_directions: Direction bins in [0, 2 pi).
        turn: Direction bins to turn the scene by, about base +z.
        is_mirrored: Reverse columns before that.
    """
    centre = np.floor(np.argwhere(labels == target).mean(axis=0)) + 0.5 * (crop_px % 2 == 0)
    forward = _forward(turn, is_mirrored, num_directions)
    middle = (crop_px - 1) / 2.0
    offset = middle - forward @ centre
    matrix = np.column_stack([forward[::-1, ::-1], offset[::-1]])  # cv2 counts columns first
    size = crop_px, crop_px

    def warped(image: np.ndarray, interpolation: int) -> np.ndarray:
        return np.asarray(cv2.warpAffine(image, matrix, size, None, interpolation))

    heights = warped(heightmap.astype(np.float32), cv2.INTER_LINEAR) * input_scale
    seen = warped(labels.astype(np.uint8), cv2.INTER_NEAREST)
    others = [int(k) for k in np.unique(seen) if k not in (0, target)]
    masks = np.stack([seen == k for k in (target, *others)])
    maps = np.stack([heights, masks[0].astype(np.float32)]).astype(np.float32)
    return PushView(maps, masks, centre, turn, is_mirrored, num_directions)


def _forward(turn: int, is_mirrored: bool, num_directions: int) -> np.ndarray:
    """Return the matrix (2, 2) by which (row, column) turns about the middle."""
    angle = 2.0 * np.pi * turn / num_directions
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) @ np.diag([1.0, -1.0 if is_mirrored else 1.0])
