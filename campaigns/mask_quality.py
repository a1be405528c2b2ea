"""How good masks are, and how often the tracker keeps to its object.

    .venv/bin/python campaigns/mask_quality.py --scenes 20 --out results/mask_quality
    .venv/bin/python campaigns/mask_quality.py --weights results/push_grasp/weights/policy_00000001.safetensors

Clutter of shapes that nothing learns from is pushed about at random in simulation. Each scene is kept in a
file: a campaign that was stopped carries on, and other weights are measured in the same scenes. Other scenes
need another folder.

Masks: mean intersection over union of all looks, as dropped and after each push. Each true object of which
60 cells or more are seen counts, and has the found mask to itself that makes the sum largest; an object
without one counts 0. Tracker: each object of the first look is followed through all looks, its numbers drawn
anew in each. A step counts while the tracker is on the right object: it is right if most of its mask is the
object's. At last the object is taken out of the labels: any answer but none is wrong. Intervals are
percentiles of 2000 bootstrap draws of scenes.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mask_scenes import MaskScene, MaskScenes
from mask_tracking import Followed, follow_all
from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.runs.conditions import keep_conditions
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.push_grasp.policy import PushGraspPolicy
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.mask_noise import noisy_labels
from equigrasp.perception.observation import Observation
from equigrasp.perception.segmentation import Segmenter, mean_iou
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.make import make_simulated_cell

OBJECTS = 10, 15, 20, 25
SPREAD = {
    10: 0.10,
    15: 0.12,
    20: 0.12,
    25: 0.12,
}  # [m] half side of the square they are dropped over
_MOVED, _FAR = 0.01, 0.03  # [m] that an object went
_NUM_DRAWS = 2000
_CELL, _OBJECT_SET = "gantry", "household+random_urdfs"


@dataclass(frozen=True)
class Source:
    """Where masks come from.

    Args:
        name: Of a row.
        labels: Of all looks at a scene, shape (K, S, S).
        is_noisy: Whether heights have noise as well.
    """

    name: str
    labels: Callable[[MaskScene], np.ndarray]
    is_noisy: bool


def main() -> int:
    """Make what scenes are missing, measure, print and write the tables; return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenes", type=int, default=20, help="of each number of objects [20]")
    parser.add_argument("--pushes", type=int, default=4, help="in each [4]")
    parser.add_argument("--split", default="test", help="part of the object set [test]")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes [0]")
    parser.add_argument("--method", default="push_grasp", help="of the weights [push_grasp]")
    parser.add_argument("--weights", help="whose segmenter is measured as well [none]")
    parser.add_argument("--out", type=Path, default=Path("results/mask_quality"), help="folder")
    options = parser.parse_args()
    policy = _policy(options)
    keep_conditions(
        options.out,
        {name: vars(options)[name] for name in ("pushes", "split", "seed")}
        | {"spreads": SPREAD, "cell": _CELL, "objects": _OBJECT_SET}
        | {"push_rule": to_mapping(policy.push_rule)},
    )
    _make_scenes(options, policy)
    scenes = {
        count: [MaskScene.load(_path(options.out, count, k)) for k in range(options.scenes)]
        for count in OBJECTS
    }
    segmenters: dict[str, Segmenter] = {"by heights": DepthSegmenter()}
    if options.weights:
        segmenters["learned"] = policy.segmenter
    text = _iou_table(scenes, segmenters) + "\n" + _tracker_table(scenes, segmenters)
    (options.out / "mask_quality.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _policy(options: argparse.Namespace) -> PushGraspPolicy:
    """Return the policy of the weights, or an untrained one, which can draw pushes as well."""
    method, config = load_method(options.method if options.weights else "push_grasp:tiny")
    policy: Any = method.make_policy(config, method.make_networks(config, 0))
    if options.weights:
        workspace = open_workspace(load_cell(_CELL))
        load_trained_weights(policy, find_weights(options.weights), config, [workspace])
    return policy


def _path(folder: Path, num_objects: int, number: int) -> Path:
    return folder / f"objects_{num_objects}_scene_{number:04d}.npz"


def _make_scenes(options: argparse.Namespace, policy: PushGraspPolicy) -> None:
    wanted = [(count, number) for number in range(options.scenes) for count in OBJECTS]
    missing = [w for w in wanted if not _path(options.out, *w).exists()]
    if not missing:
        return
    with make_simulated_cell(_CELL, object_set=_OBJECT_SET, depth_noise="none") as simulation:
        made = MaskScenes(simulation, policy, options.split)
        for count, number in tqdm(missing, unit="scene"):
            scene = made.make(count, SPREAD[count], options.pushes, options.seed, number)
            scene.save(_path(options.out, count, number))


def _segment(segmenter: Segmenter, heightmaps: np.ndarray) -> np.ndarray:
    """Return the labels of heightmaps, shape (K, S, S)."""
    workspace = open_workspace(load_cell(_CELL))
    seen = [Observation.of_heightmap(heightmap, workspace) for heightmap in heightmaps]
    return np.stack([segmenter.segment(observation) for observation in seen])


def _iou_table(scenes: dict[int, list[MaskScene]], segmenters: dict[str, Segmenter]) -> str:
    lines = ["| mean IoU | noise | " + " | ".join(f"{n} objects" for n in scenes) + " |"]
    lines.append("|---|---|" + "---|" * len(scenes))
    for name, segmenter in segmenters.items():
        for noise, key in (("none", "heightmaps"), ("stereo camera", "noisy")):
            cells = []
            for of_count in scenes.values():
                ious = []
                for scene in of_count:
                    found = _segment(segmenter, getattr(scene, key))
                    pairs = zip(found, scene.labels, strict=True)
                    ious.append(np.array([mean_iou(*pair) for pair in pairs]))
                cells.append(_with_interval(ious, "{:.2f} [{:.2f}, {:.2f}]"))
            lines.append(f"| {name} | {noise} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _tracker_table(scenes: dict[int, list[MaskScene]], segmenters: dict[str, Segmenter]) -> str:
    rng = np.random.default_rng(0)
    sources = [
        Source("truth", lambda scene: scene.labels, False),
        Source(
            "truth with noise",
            lambda scene: np.stack([noisy_labels(labels, rng) for labels in scene.labels]),
            False,
        ),
    ]
    for name, segmenter in segmenters.items():
        sources.append(
            Source(name, lambda scene, s=segmenter: _segment(s, scene.noisy), True)  # type: ignore[misc]
        )
    every = [scene for of_count in scenes.values() for scene in of_count]
    workspace = open_workspace(load_cell(_CELL))
    lines = [
        "| masks | right, all | moved 10 mm | moved 30 mm | wrong object, moved 10 mm | right to the end | "
        "none where it is gone | without a mask at first |",
        "|---" * 8 + "|",
    ]
    for source in sources:
        followed = []
        for scene in tqdm(every, unit="scene", desc=source.name):
            heightmaps = scene.noisy if source.is_noisy else scene.heightmaps
            followed.append(follow_all(scene, source.labels(scene), heightmaps, workspace, rng))
        lines.append(f"| {source.name} | " + " | ".join(_cells(followed)) + " |")
    return "\n".join(lines) + "\n"


def _cells(followed: list[Followed]) -> list[str]:
    moved = [f.way > _MOVED for f in followed]
    columns = [
        [f.is_right for f in followed],
        [f.is_right[m] for f, m in zip(followed, moved, strict=True)],
        [f.is_right[f.way > _FAR] for f in followed],
        [f.is_wrong[m] for f, m in zip(followed, moved, strict=True)],
        [f.is_kept for f in followed],
        [f.is_missed for f in followed],
        [f.is_unseen for f in followed],
    ]
    cells = []
    for column in columns:
        count = sum(len(values) for values in column)
        shares = [100.0 * values for values in column]
        cells.append(_with_interval(shares, "{:.1f} % [{:.1f}, {:.1f}]") + f" of {count}")
    return cells


def _with_interval(of_scenes: list[np.ndarray], form: str) -> str:
    """Return a mean and its 95 % interval, values of a scene drawn together."""
    sums = np.array([np.nansum(values) for values in of_scenes])
    counts = np.array([np.isfinite(values.astype(float)).sum() for values in of_scenes])
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(sums), size=(_NUM_DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / np.maximum(1, counts[drawn].sum(axis=1))
    low, high = np.percentile(means, [2.5, 97.5])
    return form.format(sums.sum() / max(1, counts.sum()), low, high)


if __name__ == "__main__":
    raise SystemExit(main())
