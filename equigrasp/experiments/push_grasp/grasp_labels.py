"""Labels of stage 1: grasps on each object of a clutter, tried in simulation from the same state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.methods.push_grasp.policy import PushGraspPolicy
from equigrasp.perception.grasp_rule import GraspRule
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.replay.grasp_scenes import GraspScene
from equigrasp.seeding import Stream, derive_seed

MIN_VISIBLE_PX = 60  # of an object that can be asked for: 6 cm²
_NUM_DRAWS = 160  # grasps on an object that the heuristic rates
_APART_PX, _APART_BINS = 4, 2  # between two of its best
_NEAR_PX, _NEAR_BINS = 3, 2  # near misses of them


@dataclass(frozen=True)
class LabelPlan:
    """Which scenes are dropped, and how many grasps are tried on each object.

    Args:
        num_objects: Fewest and most objects of a scene.
        spread: Smallest and largest half side of the square that they are dropped over [m].
        num_best: The heuristic's best grasps.
        num_near: Near misses of these.
        num_random: Random grasps on the object.
        num_own: GraspNet's own best grasps, in the second round.
    """

    num_objects: tuple[int, int] = (2, 25)
    spread: tuple[float, float] = (0.05, 0.14)
    num_best: int = 3
    num_near: int = 3
    num_random: int = 2
    num_own: int = 4


def targets_of(observation: Observation, min_px: int = MIN_VISIBLE_PX) -> list[int]:
    """Return the labels of objects that show enough of themselves in the action square.

    Args:
        observation: With labels.
        min_px: Fewest visible pixels.
    """
    border = observation.workspace.border_px
    inner = slice(border, observation.heightmap.shape[0] - border)
    counts = np.bincount(observation.arrays[LABELS][inner, inner].ravel(), minlength=1)
    return [label for label in range(1, len(counts)) if counts[label] >= min_px]


def draw_grasps(
    observation: Observation,
    target: int,
    rule: GraspRule,
    plan: LabelPlan,
    rng: np.random.Generator,
) -> list[PixelGrasp]:
    """Return grasps on an object: the heuristic's best, near misses of these, and random ones.

    Args:
        observation: With labels.
        target: Label of the object.
        rule: Height and opening.
        plan: How many.
        rng: All randomness.
    """
    workspace = observation.workspace
    on_target = np.argwhere(observation.arrays[LABELS] == target)
    on_target = on_target[[workspace.contains_pixel(int(r), int(c)) for r, c in on_target]]
    pixels = on_target[rng.integers(len(on_target), size=_NUM_DRAWS)]
    bins = rng.integers(rule.num_rotations, size=_NUM_DRAWS)
    scores = rule.scores(observation.heightmap, pixels, bins, workspace)
    best = _distinct(pixels, bins, np.argsort(-scores, kind="stable"), plan.num_best, rule)
    near = []
    for k in range(plan.num_near):
        base = best[k % len(best)]
        row, col = (int(v) for v in rng.integers(-_NEAR_PX, _NEAR_PX + 1, 2))
        turn = int(rng.integers(-_NEAR_BINS, _NEAR_BINS + 1))
        if workspace.contains_pixel(base.row + row, base.col + col):
            near.append(
                PixelGrasp(
                    base.row + row,
                    base.col + col,
                    (base.rotation_bin + turn) % rule.num_rotations,
                )
            )
    drawn = [
        PixelGrasp(int(pixels[i][0]), int(pixels[i][1]), int(bins[i]))
        for i in range(plan.num_random)
    ]
    return [*best, *near, *drawn]


def collect_scene(
    trials: Trials, plan: LabelPlan, seed: int, number: int, stream: Stream
) -> GraspScene:
    """Return the scene of a number with its labels; it depends on seed and number alone."""
    rng = np.random.default_rng(derive_seed(seed, stream, number))

    def draw(observation: Observation, target: int) -> list[PixelGrasp]:
        return draw_grasps(observation, target, trials.rule, plan, rng)

    return _collect(trials, plan, rng, draw, "heuristic")


def collect_own_scene(
    trials: Trials,
    policy: PushGraspPolicy,
    plan: LabelPlan,
    seed: int,
    number: int,
    stream: Stream,
) -> GraspScene:
    """Return the scene of a number with labels of what GraspNet itself would try.

    What a policy likes and does not hold teaches it most: random grasps hardly ever are among these.
    """

    def draw(observation: Observation, target: int) -> list[PixelGrasp]:
        mask = observation.arrays[LABELS] == target
        return policy.best_grasps(observation, mask, plan.num_own)

    rng = np.random.default_rng(derive_seed(seed, stream, number))
    return _collect(trials, plan, rng, draw, "policy")


def _collect(
    trials: Trials,
    plan: LabelPlan,
    rng: np.random.Generator,
    draw: Callable[[Observation, int], list[PixelGrasp]],
    source: str,
) -> GraspScene:
    """Drop a scene and try the grasps that are drawn for each of its targets."""
    trials.drop_drawn(plan.num_objects, plan.spread, rng)
    observation, handles = trials.look()
    rows = []
    with trials.kept() as state:
        for target in targets_of(observation):
            for g in draw(observation, target):
                outcome = trials.grasp(state, observation, g, handles[target])
                rows.append((target, g.row, g.col, g.rotation_bin, int(outcome)))
    return labelled_scene(observation, rows, trials.rule, source)


def labelled_scene(
    observation: Observation, rows: Sequence[tuple[int, ...]], rule: GraspRule, source: str
) -> GraspScene:
    """Return a scene from what was seen and from label, row, column, bin and outcome of its grasps."""
    grasps = np.array(rows, np.int32).reshape(-1, 5)
    theta = grasps[:, 3] * (np.pi / rule.num_rotations)
    _, widths = rule.height_and_width(
        observation.heightmap, grasps[:, 1], grasps[:, 2], theta, observation.workspace
    )
    return GraspScene(
        observation.heightmap,
        observation.arrays[LABELS],
        grasps,
        np.broadcast_to(widths, len(grasps)).astype(float),
        rule.num_rotations,
        source,
    )


def scene_path(folder: Path, number: int) -> Path:
    """Return the file of a scene."""
    return folder / f"scene_{number:05d}.npz"


def _distinct(
    pixels: np.ndarray, bins: np.ndarray, order: np.ndarray, count: int, rule: GraspRule
) -> list[PixelGrasp]:
    """Return the first few grasps in an order that differ in place or yaw."""
    kept: list[PixelGrasp] = []
    for i in order:
        row, col, rotation_bin = int(pixels[i][0]), int(pixels[i][1]), int(bins[i])
        if not any(_is_alike(k, row, col, rotation_bin, rule.num_rotations) for k in kept):
            kept.append(PixelGrasp(row, col, rotation_bin))
        if len(kept) == count:
            break
    return kept


def _is_alike(grasp: PixelGrasp, row: int, col: int, rotation_bin: int, num: int) -> bool:
    turn = abs(grasp.rotation_bin - rotation_bin) % num
    is_near = max(abs(grasp.row - row), abs(grasp.col - col)) < _APART_PX
    return is_near and min(turn, num - turn) < _APART_BINS
