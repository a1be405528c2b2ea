"""Labels that a script gave to grasps in simulated scenes, as one compressed file beside weights."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.learning.grasping.grasp_step import grasp_of, grasp_step
from equigrasp.replay.step import Step


def write_labels(path: Path, labels: Iterable[Step], num_rotations: int) -> None:
    """Write labels, each scene's heightmap once.

    Args:
        path: The file; its folder must exist.
        labels: In order; those of a scene follow one another.
        num_rotations: Yaw bins in [0, pi) that they count in.
    """
    scenes: list[np.ndarray] = []
    rows: list[tuple[int, int, int, int, int]] = []
    for label in labels:
        grasp = grasp_of(label)
        if not scenes or not np.array_equal(scenes[-1], grasp.heightmap):
            scenes.append(grasp.heightmap)
        place = grasp.row, grasp.col, grasp.rotation_bin
        rows.append((len(scenes) - 1, *place, int(label.reward)))
    trial = path.with_name(f"{path.name}.part")
    with trial.open("wb") as file:
        np.savez_compressed(
            file,
            heightmaps=np.stack(scenes),
            labels=np.array(rows, np.int32),
            num_rotations=num_rotations,
        )
    trial.replace(path)


def read_labels(path: Path, num_rotations: int) -> list[Step]:
    """Return the labels of a file, numbered from 0; those of a scene share its heightmap.

    Args:
        path: The file.
        num_rotations: Yaw bins that they must count in.

    Raises:
        ReplayError: if the file is damaged, holds something else, or counts other yaws; names it.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            heightmaps, rows = arrays["heightmaps"], arrays["labels"]
            found = int(arrays["num_rotations"])
        if found != num_rotations:
            raise ReplayError(
                f"{path}: has labels for {found} yaws in [0, pi); this method has {num_rotations}."
            )
        return [
            grasp_step(heightmaps[scene], row, col, rotation_bin, float(reward), number)
            for number, (scene, row, col, rotation_bin, reward) in enumerate(rows.tolist())
        ]
    except (OSError, KeyError, ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise ReplayError(
            f"{path}: not a whole file of labels, as `equigrasp publish` writes it: {error}"
        ) from error
