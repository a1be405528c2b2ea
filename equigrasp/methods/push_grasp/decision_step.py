"""Decisions of push-grasp as steps: a grasp on a target, or a push that shall free it."""

from collections.abc import Mapping

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.geometry.actions import PixelGrasp, PixelPush
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import quantize
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.replay.step import ArraySpec, ExperienceSpec

GRASP_KIND, PUSH_KIND = 0, 1
_KEYS = ("kind", "row", "col", "bin")


def make_spec(config: PushGraspConfig, workspace: Workspace) -> ExperienceSpec:
    """Return what the steps hold: heights, labels and target; kind, pixel and bin.

    The reward of a grasp is 1 where it held its target, else 0. That of a push is what it did for the
    grasp after it: 1 where that succeeds, else the gain in score; -1 where the target was lost.
    """
    size, border = workspace.heightmap_size_px, workspace.border_px
    pixel = ArraySpec((), "int32", unit="px", low=border, high=size - border - 1)
    most = max(config.network.num_yaws, config.network.num_directions)
    return ExperienceSpec(
        observation={
            "heightmap": ArraySpec((size, size), "uint16", "zlib", "0.1 mm"),
            LABELS: ArraySpec((size, size), "uint8", "zlib"),
            TARGET: ArraySpec((), "uint8", low=1),
        },
        action={
            "kind": ArraySpec((), "int32", low=GRASP_KIND, high=PUSH_KIND),
            "row": pixel,
            "col": pixel,
            "bin": ArraySpec((), "int32", low=0, high=most - 1),
        },
        reward_range=(-1.0, 1.0),
    )


def encode(observation: Observation) -> dict[str, np.ndarray]:
    """Return what steps hold of an observation with labels and a target's mask as its goal."""
    labels = observation.arrays[LABELS].astype(np.uint8)
    target = target_label(observation)
    return {
        "heightmap": quantize(observation.heightmap),
        LABELS: labels,
        TARGET: np.asarray(target, np.uint8),
    }


def target_label(observation: Observation) -> int:
    """Return the label of most of the target's mask; raise `ReplayError` if there is none."""
    labels = observation.arrays[LABELS]
    if TARGET not in observation.goal:
        raise ReplayError("A decision without a target cannot be stored.")
    counts = np.bincount(labels[np.asarray(observation.goal[TARGET]) > 0].ravel(), minlength=1)
    counts[0] = 0
    if not counts.any():
        raise ReplayError("The target's mask holds no labelled object.")
    return int(counts.argmax())


def encode_action(pixel: PixelGrasp | PixelPush) -> dict[str, np.ndarray]:
    """Return an action on the grid as steps hold it, int32 of shape ()."""
    if isinstance(pixel, PixelGrasp):
        values = GRASP_KIND, pixel.row, pixel.col, pixel.rotation_bin
    else:
        values = PUSH_KIND, pixel.row, pixel.col, pixel.direction_bin
    return {k: np.asarray(v, np.int32) for k, v in zip(_KEYS, values, strict=True)}


def decode_action(encoded: Mapping[str, np.ndarray]) -> PixelGrasp | PixelPush:
    """Return the action that `encode_action` encoded."""
    kind, *place = (int(encoded[key]) for key in _KEYS)
    return PixelPush(*place) if kind == PUSH_KIND else PixelGrasp(*place)
