"""Height, opening and score of a top-down grasp at a pixel, by rule: what no network chooses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.angles import bin_to_angle
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.grasp_height import HandGeometry, grasp_height
from equigrasp.perception.grasp_rating import rate_grasps
from equigrasp.perception.grasp_width import grasp_width

NO_HOLD_SCORE = -0.5  # where nothing would be held, and at least


@dataclass(frozen=True)
class GraspRule:
    """How deep the fingers go and how far they open, see `grasp_height` and `grasp_width`.

    Args:
        hand: How deep they go.
        width: Largest opening before a grasp [m].
        min_width: The smallest; 0: always the largest.
        num_rotations: Yaw bins in [0, pi).
    """

    hand: HandGeometry
    width: float
    min_width: float
    num_rotations: int

    def height_and_width(
        self,
        heightmap: np.ndarray,
        row: ArrayLike,
        col: ArrayLike,
        theta: ArrayLike,
        workspace: Workspace,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return TCP heights above the floor and openings of grasps, shape (...,) each [m].

        Args:
            heightmap: Heights above the floor, shape (S, S) [m].
            row: Rows of the grasps, shape (...,), () for one.
            col: Columns, shape (...,).
            theta: Yaws, shape (...,) [rad].
            workspace: Of the heightmap.
        """
        width = np.asarray(self.width)
        if self.min_width:
            width = grasp_width(
                heightmap,
                row,
                col,
                theta,
                pixel_size=workspace.pixel_size,
                finger_depth=self.hand.finger_depth,
                min_width=self.min_width,
                max_width=self.width,
            )
        return grasp_height(heightmap, row, col, theta, width, self.hand, workspace), width

    def grasp(self, heightmap: np.ndarray, pixel: PixelGrasp, workspace: Workspace) -> PlanarGrasp:
        """Return the grasp at a pixel of a heightmap, shape (S, S) [m]."""
        x, y = workspace.pixel_to_xy(pixel.row, pixel.col)
        theta = bin_to_angle(pixel.rotation_bin, self.num_rotations)
        height, width = self.height_and_width(heightmap, pixel.row, pixel.col, theta, workspace)
        return PlanarGrasp(x, y, workspace.floor_z + float(height), theta, float(width))

    def scores(
        self,
        heightmap: np.ndarray,
        pixels: np.ndarray,
        rotation_bins: np.ndarray,
        workspace: Workspace,
    ) -> np.ndarray:
        """Return the heuristic's scores of grasps, shape (K,), at least `NO_HOLD_SCORE`; see `rate_grasps`.

        Args:
            heightmap: Heights above the floor, shape (S, S) [m].
            pixels: Rows and columns, shape (K, 2).
            rotation_bins: Shape (K,).
            workspace: Of the heightmap.
        """
        theta = np.array([bin_to_angle(k, self.num_rotations) for k in rotation_bins.tolist()])
        rows, cols = pixels.T
        height, width = self.height_and_width(heightmap, rows, cols, theta, workspace)
        scores = rate_grasps(
            heightmap,
            pixels,
            theta,
            pixel_size=workspace.pixel_size,
            height=height,
            width=width,
        )
        return np.array([NO_HOLD_SCORE if s is None else max(NO_HOLD_SCORE, s) for s in scores])
