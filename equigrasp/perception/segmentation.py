"""Which cells of a heightmap belong to which object: the contract, and how good an answer is."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from equigrasp.perception.observation import LABELS, Observation

MOST_LABELS = 255  # labels are bytes
LOST_PX = 20  # of which less is seen, an object is lost


class Segmenter(Protocol):
    """Numbers the objects that are seen on a workspace."""

    def segment(self, observation: Observation) -> np.ndarray:
        """Return the number of the object at each cell, from 1, 0: none; shape (S, S), uint8.

        Args:
            observation: With a heightmap.
        """
        ...


def segmented(observation: Observation, segmenter: Segmenter) -> Observation:
    """Return an observation with labels; its own stay if it has some."""
    if LABELS in observation.arrays:
        return observation
    labels = segmenter.segment(observation)
    return replace(observation, arrays={**observation.arrays, LABELS: labels})


def mean_iou(found: np.ndarray, truth: np.ndarray, min_px: int = 60) -> float:
    """Return the mean intersection over union of the true objects, each with a label of its own.

    The labels are shared out so that the sum is largest; an object without one counts 0.

    Args:
        found: Labels, shape (S, S).
        truth: The same, as they are.
        min_px: True objects of which less is seen do not count; NaN if none is left.
    """
    num_found, num_true = int(found.max()) + 1, int(truth.max()) + 1
    both = np.zeros((num_true, num_found))
    np.add.at(both, (truth.ravel(), found.ravel()), 1.0)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    iou = np.where(union > 0.0, both / np.maximum(union, 1.0), 0.0)[1:, 1:]
    counts = both.sum(axis=1)[1:] >= min_px
    if not counts.any():
        return float("nan")
    rows, cols = linear_sum_assignment(-iou[counts])
    return float(iou[counts][rows, cols].sum() / counts.sum())
