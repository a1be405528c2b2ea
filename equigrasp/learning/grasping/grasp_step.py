"""A single grasp on a heightmap as a step: what the methods that choose pixels and yaws learn from."""

from collections.abc import Mapping

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.augment import AugmentedGrasp
from equigrasp.perception.observation import Observation
from equigrasp.replay.step import ArraySpec, ExperienceSpec, Step

HEIGHT_UNIT = 1e-4  # [m] heightmaps are kept as whole tenths of a millimetre in uint16


def grasp_spec(workspace: Workspace, num_rotations: int) -> ExperienceSpec:
    """Return what grasps in a workspace hold.

    Args:
        workspace: Size of the heightmap, and of the square that grasps stay in.
        num_rotations: Yaw bins in [0, pi).
    """
    size, border = workspace.heightmap_size_px, workspace.border_px
    pixel = ArraySpec((), "int32", unit="px", low=border, high=size - border - 1)
    return ExperienceSpec(
        observation={"heightmap": ArraySpec((size, size), "uint16", "zlib", "0.1 mm")},
        action={
            "row": pixel,
            "col": pixel,
            "rotation_bin": ArraySpec((), "int32", low=0, high=num_rotations - 1),
        },
        rewards=(0.0, 1.0),
    )


def grasp_step(
    heightmap: np.ndarray, row: int, col: int, rotation_bin: int, reward: float, attempt: int
) -> Step:
    """Return one attempt as an episode of one step.

    Args:
        heightmap: What the policy saw, shape (S, S), uint16, in units of `HEIGHT_UNIT`.
        row: Heightmap row of the grasp.
        col: Heightmap column of the grasp.
        rotation_bin: Index of the grasp yaw.
        reward: 1.0 for success, 0.0 for failure.
        attempt: Number of the attempt in its run, from 0.
    """
    encoded = encode_grasp(PixelGrasp(row, col, rotation_bin))
    return Step(attempt, attempt, {"heightmap": heightmap}, encoded, reward)


def encode_observation(observation: Observation) -> dict[str, np.ndarray]:
    """Return what steps hold of an observation: `heightmap`, shape (S, S), uint16."""
    return {"heightmap": quantize(observation.heightmap)}


def encode_grasp(pixel: PixelGrasp) -> dict[str, np.ndarray]:
    """Return a grasp on the grid as steps hold it: `row`, `col`, `rotation_bin`, int32, shape ()."""
    action = {"row": pixel.row, "col": pixel.col, "rotation_bin": pixel.rotation_bin}
    return {name: np.asarray(value, np.int32) for name, value in action.items()}


def decode_grasp(encoded: Mapping[str, np.ndarray]) -> PixelGrasp:
    """Return the grasp on the grid that `encode_grasp` encoded."""
    return PixelGrasp(*(int(encoded[k]) for k in ("row", "col", "rotation_bin")))


def grasp_of(step: Step) -> AugmentedGrasp:
    """Return the heightmap and the grasp of a step, as they were."""
    pixel = decode_grasp(step.action)
    return AugmentedGrasp(step.observation["heightmap"], pixel.row, pixel.col, pixel.rotation_bin)


def quantize(heightmap: np.ndarray) -> np.ndarray:
    """Turn heights [m] into uint16 units; raise `ReplayError` where they are not finite."""
    if not np.isfinite(heightmap).all():
        raise ReplayError("A heightmap with values that are not finite cannot be stored.")
    return np.clip(np.round(heightmap / HEIGHT_UNIT), 0, 65535).astype(np.uint16)


def dequantize(heightmap: np.ndarray) -> np.ndarray:
    """Turn uint16 units into heights, float32 [m]."""
    return heightmap.astype(np.float32) * np.float32(HEIGHT_UNIT)
