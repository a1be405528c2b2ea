"""The score above which a grasp is worth a try, from scenes that nothing was learned from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata
from tqdm import tqdm

from equigrasp.experiments.push_grasp.grasp_labels import labelled_scene, scene_path, targets_of
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.methods.push_grasp.policy import PushGraspPolicy
from equigrasp.methods.push_grasp.stages import grasp_success
from equigrasp.perception.observation import LABELS
from equigrasp.replay.grasp_scenes import GraspScene
from equigrasp.seeding import Stream, derive_seed

WANTED = 0.95  # P(success | score > threshold)
_NUM_OBJECTS, _SPREAD = (4, 25), (0.05, 0.14)  # of a scene, and half side of where it falls [m]
_MIN_SHARE = 0.05  # of the grasps must lie above, or the share of successes means nothing


@dataclass(frozen=True)
class Reliability:
    """How far scores are to be trusted.

    Args:
        threshold: The smallest above which enough of the grasps hold.
        precision: Share of grasps above it that hold.
        share: Share of all best grasps that lie above it.
        success: Share of all best grasps that hold: without pushes.
        area: Area under the curve of the scores, of held against not held.
        num_grasps: Of which this is.
    """

    threshold: float
    precision: float
    share: float
    success: float
    area: float
    num_grasps: int

    def to_mapping(self) -> dict[str, Any]:
        """Return it for a file."""
        return asdict(self)


def calibrate(
    trials: Trials, policy: PushGraspPolicy, seed: int, num_scenes: int, folder: Path
) -> Reliability:
    """Try the policy's best grasp on every target of some scenes, and choose the threshold.

    Args:
        trials: Drops the scenes.
        policy: Whose scores are calibrated; of one fixed set of weights for a folder.
        seed: Of the scenes.
        num_scenes: How many.
        folder: Where the scenes lie that are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scores, success = [], []
    for number in tqdm(range(num_scenes), unit="scene", desc="validation"):
        path = scene_path(folder, number)
        kept = path.with_suffix(".scores.npy")
        if not (path.exists() and kept.exists()):
            scene, found = _try_scene(trials, policy, seed, number)
            np.save(kept, found)
            scene.save(path)
        scores.append(np.load(kept))
        success.append(grasp_success(GraspScene.load(path)))
    return reliability(np.concatenate(scores), np.concatenate(success))


def reliability(scores: np.ndarray, success: np.ndarray) -> Reliability:
    """Return the smallest threshold above which `WANTED` of the grasps hold.

    Where no threshold is good enough it is the one above which most of them do.

    Args:
        scores: Of the grasps, shape (K,).
        success: Whether they held, shape (K,) in {0, 1}.
    """
    order = np.argsort(-scores, kind="stable")
    held = np.cumsum(success[order]) / np.arange(1, len(order) + 1)  # of the best k + 1
    enough = np.arange(1, len(order) + 1) >= max(1.0, _MIN_SHARE * len(order))
    good = np.nonzero(enough & (held >= WANTED))[0]
    last = int(good[-1]) if len(good) else int(np.where(enough, held, -1.0).argmax())
    # Between the last grasp that is trusted and the first that is not.
    below = scores[order[last + 1]] if last + 1 < len(order) else 0.0
    threshold = float((scores[order[last]] + below) / 2.0)
    return Reliability(
        threshold,
        float(held[last]),
        (last + 1) / len(order),
        float(success.mean()),
        area_under_curve(scores, success),
        len(order),
    )


def area_under_curve(scores: np.ndarray, success: np.ndarray) -> float:
    """Return the probability that a grasp that held has a higher score than one that did not.

    NaN where all held, or none. Args as those of `reliability`.
    """
    num_held = float(success.sum())
    num_lost = len(success) - num_held
    if not (num_held and num_lost):
        return float("nan")
    ranks = float(rankdata(scores)[success > 0].sum())
    return (ranks - num_held * (num_held + 1.0) / 2.0) / (num_held * num_lost)


def _try_scene(
    trials: Trials, policy: PushGraspPolicy, seed: int, number: int
) -> tuple[GraspScene, np.ndarray]:
    """Return a scene with the policy's best grasp on each target, and the scores of these."""
    rng = np.random.default_rng(derive_seed(seed, Stream.VALIDATION_SCENES, number))
    trials.drop_drawn(_NUM_OBJECTS, _SPREAD, rng)
    rows, scores = [], []
    with trials.kept() as state:
        observation, handles = trials.look()
        for label in targets_of(observation):
            rated = policy.rate(observation, observation.arrays[LABELS] == label)
            grasp = rated.grasps[0]
            outcome = trials.grasp(state, observation, grasp, handles[label])
            rows.append((label, grasp.row, grasp.col, grasp.rotation_bin, int(outcome)))
            scores.append(float(rated.scores[0]))
    return labelled_scene(observation, rows, trials.rule, "policy"), np.array(scores)
