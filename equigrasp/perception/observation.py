"""What a policy receives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace

HEIGHTMAP = "heightmap"  # heights above the workspace floor, (S, S) [m]
COLOR = "color"  # seen from straight above, RGB, (S, S, 3)
LABELS = "labels"  # number of the object at a pixel, 0: none, (S, S)
GRIPPER = "gripper"  # state of the gripper, (n,)
TARGET = "target"  # goal: True where the object to fetch is seen, (S, S)


@dataclass(frozen=True, eq=False)
class Observation:
    """Named arrays that show one workspace.

    Arrays of other names than those above are a method's own: their shape is not checked.

    Args:
        arrays: By name; S is the workspace's `heightmap_size_px`.
        workspace: The box that they show.
        stamp: Time of acquisition [s].
        goal: What to fetch, by name: a picture, a mask or an embedding; empty: anything.

    Raises:
        PerceptionError: if an array does not fit the workspace, or holds values that are not finite.
    """

    arrays: Mapping[str, np.ndarray]
    workspace: Workspace
    stamp: float = 0.0
    goal: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            self._check_shape(name, array)
        for name, array in (*self.arrays.items(), *self.goal.items()):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                count = int((~np.isfinite(array)).sum())
                raise PerceptionError(
                    f"{name.capitalize()} holds {count} values that are not finite."
                )

    @classmethod
    def of_heightmap(
        cls, heightmap: np.ndarray, workspace: Workspace, stamp: float = 0.0
    ) -> "Observation":
        """Return an observation that holds nothing but heights, shape (S, S) [m]."""
        return cls({HEIGHTMAP: heightmap}, workspace, stamp)

    @property
    def heightmap(self) -> np.ndarray:
        """Height above the workspace floor, shape (S, S) [m].

        Raises:
            PerceptionError: if the observation holds none.
        """
        if HEIGHTMAP not in self.arrays:
            held = ", ".join(sorted(self.arrays)) or "nothing"
            raise PerceptionError(f"The observation holds no heightmap; it holds {held}.")
        return self.arrays[HEIGHTMAP]

    def _check_shape(self, name: str, array: np.ndarray) -> None:
        size = self.workspace.heightmap_size_px
        wanted = {HEIGHTMAP: (size, size), LABELS: (size, size), COLOR: (size, size, 3)}
        if name in wanted and array.shape != wanted[name]:
            raise PerceptionError(
                f"{name.capitalize()} shape {array.shape} does not fit workspace "
                f"'{self.workspace.name}', which needs {wanted[name]}."
            )
        if name == GRIPPER and array.ndim != 1:
            raise PerceptionError(f"Gripper state must have shape (n,), found {array.shape}.")
