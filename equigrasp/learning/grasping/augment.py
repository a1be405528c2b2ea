"""Random SE(2) transforms and reflections of a heightmap together with its grasp."""

from dataclasses import dataclass

import cv2
import numpy as np

_TRANSLATION_SHARE = 1.0 / 20.0  # standard deviation as a share of the action square
_ACTION_MARGIN_PX = 5  # box about the action pixel that must stay in the action square
_MAX_DRAWS = 100


@dataclass(frozen=True)
class GridTransform:
    """A turn by `rotation_steps` bins about the map's centre, a shift [px], then a row flip."""

    rotation_steps: int
    shift_rows: float
    shift_cols: float
    is_flipped: bool


@dataclass(frozen=True, eq=False)
class AugmentedGrasp:
    """A transformed heightmap and the grasp on it."""

    heightmap: np.ndarray
    row: int
    col: int
    rotation_bin: int


def apply_transform(
    heightmap: np.ndarray,
    row: int,
    col: int,
    rotation_bin: int,
    num_rotations: int,
    transform: GridTransform,
) -> AugmentedGrasp:
    """Move a heightmap and its grasp alike; cells from outside are floor.

    Args:
        heightmap: Shape (S, S).
        row: Row of the grasp.
        col: Column of the grasp.
        rotation_bin: Yaw index, of `num_rotations` in [0, pi).
        num_rotations: n; one rotation step is pi / n.
        transform: What to do.
    """
    size = heightmap.shape[0]
    matrix = _forward_matrix(size, num_rotations, transform)
    warped = cv2.warpAffine(heightmap, matrix, (size, size), flags=cv2.INTER_NEAREST)
    new_col, new_row = matrix @ np.array([col, row, 1.0])
    moved_row, moved_col = round(float(new_row)), round(float(new_col))
    new_bin = (rotation_bin + transform.rotation_steps) % num_rotations
    if transform.is_flipped:
        warped = np.ascontiguousarray(warped[::-1])
        moved_row = size - 1 - moved_row
        new_bin = -new_bin % num_rotations
    return AugmentedGrasp(warped, moved_row, moved_col, new_bin)


def augment(
    grasp: AugmentedGrasp, num_rotations: int, action_size_px: int, rng: np.random.Generator
) -> AugmentedGrasp:
    """Return a grasp after a transform of `draw_transform`."""
    size = grasp.heightmap.shape[0]
    transform = draw_transform(grasp.row, grasp.col, size, action_size_px, num_rotations, rng)
    return apply_transform(
        grasp.heightmap, grasp.row, grasp.col, grasp.rotation_bin, num_rotations, transform
    )


def draw_transform(
    row: int,
    col: int,
    heightmap_size_px: int,
    action_size_px: int,
    num_rotations: int,
    rng: np.random.Generator,
) -> GridTransform:
    """Draw a transform that keeps the grasp in the action square.

    Turns are uniform over the 2n steps of a full turn, shifts normal with a twentieth of the
    action square. After many refused draws only the flip is kept.
    """
    low = (heightmap_size_px - action_size_px) // 2 + _ACTION_MARGIN_PX
    high = heightmap_size_px - 1 - low
    scale = action_size_px * _TRANSLATION_SHARE
    is_flipped = bool(rng.random() < 0.5)
    for _ in range(_MAX_DRAWS):
        shift = rng.normal(0.0, scale, 2)
        steps = int(rng.integers(2 * num_rotations))
        transform = GridTransform(steps, float(shift[0]), float(shift[1]), is_flipped)
        matrix = _forward_matrix(heightmap_size_px, num_rotations, transform)
        new_col, new_row = matrix @ np.array([col, row, 1.0])
        if low <= new_row <= high and low <= new_col <= high:
            return transform
    return GridTransform(0, 0.0, 0.0, is_flipped)


def _forward_matrix(size: int, num_rotations: int, transform: GridTransform) -> np.ndarray:
    """Return the 2 × 3 matrix from (col, row, 1) to the turned and shifted (col, row).

    A turn by +yaw takes (row, col) to (row cos − col sin, row sin + col cos), because rows grow
    with x and columns with y.
    """
    angle = transform.rotation_steps * np.pi / num_rotations
    cos, sin = np.cos(angle), np.sin(angle)
    half = (size - 1) / 2.0
    row_offset = half - half * cos + half * sin + transform.shift_rows
    col_offset = half - half * sin - half * cos + transform.shift_cols
    return np.array([[cos, sin, col_offset], [-sin, cos, row_offset]])
