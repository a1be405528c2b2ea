"""Grasps on a target, best first: what the networks or the heuristic say of them."""

from dataclasses import dataclass

import cv2
import numpy as np

from equigrasp.geometry.actions import PixelGrasp
from equigrasp.learning.exploration import spread_maxima
from equigrasp.perception.grasp_rule import NO_HOLD_SCORE, GraspRule
from equigrasp.perception.observation import Observation

_BEST_SCORE = 3.0  # of the heuristic, see `rate_grasps`
_SPREAD_PX = 2  # rows and columns between two places that the heuristic is asked of


@dataclass(frozen=True, eq=False)
class RatedGrasps:
    """Candidates on a target, best first by their scores.

    Args:
        grasps: Pixels and yaw bins.
        scores: CriticNet's or the heuristic's, in [0, 1], shape (K,).
        values: GraspNet's, shape (K,); those of the heuristic are its scores.
        value_map: Values of the best yaw of each pixel of the action square, shape (A, A); 0 off the target.
        yaw_values: Values of the yaws at the best candidate, shape (n,).
    """

    grasps: list[PixelGrasp]
    scores: np.ndarray
    values: np.ndarray
    value_map: np.ndarray
    yaw_values: np.ndarray


def heuristic_grasps(
    observation: Observation, target: np.ndarray, rule: GraspRule, num_places: int
) -> RatedGrasps:
    """Return grasps on a target by the heuristic alone, all yaws at some places, see `rate_grasps`.

    Args:
        observation: With heights.
        target: Its mask, shape (S, S), at least one pixel in the action square.
        rule: Height, opening and score.
        num_places: Places that it is asked of: those deepest inside the target.
    """
    workspace, num_yaws = observation.workspace, rule.num_rotations
    low = workspace.border_px
    inner = slice(low, low + workspace.action_size_px)
    mask = target[inner, inner]
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5).astype(float)
    places = spread_maxima(depth, mask, num_places, _SPREAD_PX)
    pixels = np.repeat(places + low, num_yaws, axis=0)
    bins = np.tile(np.arange(num_yaws), len(places))
    raw = rule.scores(observation.heightmap, pixels, bins, workspace)
    scores = np.clip((raw - NO_HOLD_SCORE) / (_BEST_SCORE - NO_HOLD_SCORE), 0.0, 1.0)
    of_place = scores.reshape(len(places), num_yaws)
    value_map = np.zeros(mask.shape)
    value_map[places[:, 0], places[:, 1]] = of_place.max(axis=1)
    order = np.argsort(-scores, kind="stable")
    grasps = [PixelGrasp(int(pixels[i, 0]), int(pixels[i, 1]), int(bins[i])) for i in order]
    best = of_place[order[0] // num_yaws]
    return RatedGrasps(grasps, scores[order], scores[order], value_map, best)


def random_grasp(
    observation: Observation, target: np.ndarray, num_rotations: int, rng: np.random.Generator
) -> PixelGrasp:
    """Return a random grasp on a target, its mask of shape (S, S) with a pixel in the action square."""
    pixels = [(int(r), int(c)) for r, c in np.argwhere(target)]
    inside = [p for p in pixels if observation.workspace.contains_pixel(*p)]
    row, col = inside[int(rng.integers(len(inside)))]
    return PixelGrasp(row, col, int(rng.integers(num_rotations)))
