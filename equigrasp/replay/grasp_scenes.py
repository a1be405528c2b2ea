"""Scenes with grasps that were tried in them, one compressed file a scene."""

import enum
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.errors import ReplayError

_UNIT = 1e-5  # [m] of the heights on disk
_WIDTH_UNIT = 1e-3  # [m]
_COLUMNS = ("label", "row", "col", "rotation_bin", "outcome")


@enum.unique
class GraspOutcomeKind(enum.IntEnum):
    """What hung in the fingers after a grasp that was aimed at an object."""

    NOTHING = 0
    TARGET = 1
    TARGET_AND_OTHERS = 2
    OTHERS = 3

    @property
    def is_target_held(self) -> bool:
        """Whether the object aimed at was held, alone or with others."""
        return self in (GraspOutcomeKind.TARGET, GraspOutcomeKind.TARGET_AND_OTHERS)

    @classmethod
    def of(cls, target: int, held: tuple[int, ...]) -> "GraspOutcomeKind":
        """Return the kind for the handles of what is held."""
        if not held:
            return cls.NOTHING
        if target not in held:
            return cls.OTHERS
        return cls.TARGET if len(held) == 1 else cls.TARGET_AND_OTHERS


@dataclass(frozen=True, eq=False)
class GraspScene:
    """A scene, and what came of grasps in it, each from the scene as it is.

    Args:
        heightmap: Heights above the floor, shape (S, S) [m].
        labels: Number of the object that is seen at a pixel, shape (S, S), uint8; 0: none.
        grasps: Shape (K, 5), int32: label of the object aimed at, row, column, yaw bin and
            `GraspOutcomeKind`.
        widths: Openings of the fingers before them, shape (K,) [m].
        num_rotations: Yaw bins in [0, pi).
        source: What chose the grasps.
    """

    heightmap: np.ndarray
    labels: np.ndarray
    grasps: np.ndarray
    widths: np.ndarray
    num_rotations: int
    source: str = ""

    def __post_init__(self) -> None:
        size = self.heightmap.shape
        if len(size) != 2 or self.labels.shape != size or self.grasps.shape[1:] != (5,):
            raise ReplayError(
                f"A scene needs heights and labels of one shape and grasps (K, 5), found {size}, "
                f"{self.labels.shape} and {self.grasps.shape}."
            )
        if self.widths.shape != (len(self.grasps),):
            raise ReplayError(
                f"{len(self.grasps)} grasps need as many widths, found {self.widths.shape}."
            )
        bounds = np.array([256, *size, self.num_rotations, len(GraspOutcomeKind)])
        if len(self.grasps) and not ((self.grasps >= 0) & (self.grasps < bounds)).all():
            raise ReplayError(
                f"A grasp of a scene is out of {dict(zip(_COLUMNS, bounds, strict=True))}."
            )

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        trial = path.with_name(f"{path.name}.part")
        with trial.open("wb") as file:
            np.savez_compressed(
                file,
                heightmap=np.round(self.heightmap / _UNIT).clip(0, 65535).astype(np.uint16),
                labels=self.labels,
                grasps=self.grasps.astype(np.int16),
                widths=np.round(self.widths / _WIDTH_UNIT).astype(np.uint8),
                num_rotations=self.num_rotations,
                source=self.source,
            )
            file.flush()
            os.fsync(file.fileno())
        trial.replace(path)

    @staticmethod
    def load(path: Path) -> "GraspScene":
        """Read one; raise `ReplayError`, which names the file, if it is none."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return GraspScene(
                    arrays["heightmap"].astype(np.float32) * np.float32(_UNIT),
                    arrays["labels"].astype(np.uint8),
                    arrays["grasps"].astype(np.int32),
                    arrays["widths"] * _WIDTH_UNIT,
                    int(arrays["num_rotations"]),
                    str(arrays["source"]),
                )
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ReplayError(f"{path}: not a whole scene of grasps: {error}") from error
