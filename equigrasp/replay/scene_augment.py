"""Turn, mirror and shift a scene together with the grasps in it."""

import cv2
import numpy as np

from equigrasp.replay.grasp_scenes import GraspScene

_ROW, _COL, _BIN = 1, 2, 3  # columns of a scene's grasps


def augment_scene(
    scene: GraspScene, num_steps: int, is_mirrored: bool, shift: tuple[int, int]
) -> GraspScene:
    """Return a scene mirrored, then turned by whole yaw bins about the map's middle, then shifted.

    Whole bins, so that yaws stay exact; pixels are rounded. Heights are interpolated, labels are
    taken from the nearest cell. Grasps that leave the map are left out.

    Args:
        scene: The scene.
        num_steps: Yaw bins to turn it by, about base +z.
        is_mirrored: Reverse its columns.
        shift: Rows and columns to move it by [px].
    """
    size, num = len(scene.heightmap), scene.num_rotations
    angle, centre = np.pi * num_steps / num, (size - 1) / 2.0
    cos, sin = np.cos(angle), np.sin(angle)
    mirror = np.diag([1.0, -1.0 if is_mirrored else 1.0])
    forward = np.array([[cos, -sin], [sin, cos]]) @ mirror  # of (row, column) about the middle
    offset = np.array([centre, centre]) + shift - forward @ np.array([centre, centre])
    swapped = forward[::-1, ::-1]  # cv2 counts columns first
    matrix = np.column_stack([swapped, offset[::-1]])
    heightmap = _warp(scene.heightmap, matrix, cv2.INTER_LINEAR)
    labels = _warp(scene.labels, matrix, cv2.INTER_NEAREST)
    grasps = scene.grasps.copy()
    moved = grasps[:, [_ROW, _COL]] @ forward.T + offset
    grasps[:, [_ROW, _COL]] = np.round(moved).astype(np.int32)
    bins = grasps[:, _BIN]
    grasps[:, _BIN] = ((-bins if is_mirrored else bins) + num_steps) % num
    is_inside = ((grasps[:, [_ROW, _COL]] >= 0) & (grasps[:, [_ROW, _COL]] < size)).all(axis=1)
    return GraspScene(
        heightmap, labels, grasps[is_inside], scene.widths[is_inside], num, scene.source
    )


def _warp(image: np.ndarray, matrix: np.ndarray, interpolation: int) -> np.ndarray:
    size = image.shape[::-1]
    return np.asarray(
        cv2.warpAffine(image, matrix, size, None, interpolation, cv2.BORDER_REPLICATE)
    )
