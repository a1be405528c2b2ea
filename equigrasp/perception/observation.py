"""What a policy receives."""

from dataclasses import dataclass

import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Observation:
    """A heightmap of one workspace.

    Args:
        heightmap: Height above the workspace floor, shape (H, W), float32 [m].
        workspace: The box that it covers.
        stamp: Time of acquisition [s].

    Raises:
        PerceptionError: if the heightmap is not finite or does not fit the workspace.
    """

    heightmap: np.ndarray
    workspace: Workspace
    stamp: float = 0.0

    def __post_init__(self) -> None:
        size = self.workspace.heightmap_size_px
        if self.heightmap.shape != (size, size):
            raise PerceptionError(
                f"Heightmap shape {self.heightmap.shape} does not fit workspace "
                f"'{self.workspace.name}', which needs ({size}, {size})."
            )
        if not np.isfinite(self.heightmap).all():
            count = int((~np.isfinite(self.heightmap)).sum())
            raise PerceptionError(f"Heightmap holds {count} values that are not finite.")
