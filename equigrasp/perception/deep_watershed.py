"""Object labels from a map that says how far inside an object a cell is, and the other way round.

Bai and Urtasun, "Deep Watershed Transform for Instance Segmentation", CVPR 2017: cut where the map is low.
"""

import cv2
import numpy as np
from scipy import ndimage

from equigrasp.perception.segmentation import MOST_LABELS

DEPTH_PX = 4.0  # from an object's rim, beyond which all is as deep inside
_TABLE = 1  # marker; 0 is unknown


def depth_inside(labels: np.ndarray) -> np.ndarray:
    """Return how far inside its object each cell is, float32 (S, S): 0 off objects, 1 from 4 px on.

    Args:
        labels: Number of the object at each cell, shape (S, S); 0: none.
    """
    depth = np.zeros(labels.shape, np.float32)
    for label in np.unique(labels[labels > 0]):
        mask = (labels == label).astype(np.uint8)
        depth += cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return np.minimum(depth / DEPTH_PX, 1.0)


def labels_of(
    depth: np.ndarray, core: float = 0.35, object_depth: float = 0.1, min_px: int = 60
) -> np.ndarray:
    """Return labels from how far inside an object each cell seems to be, shape (S, S) uint8.

    Args:
        depth: As `depth_inside` has it, or a guess at it, shape (S, S).
        core: What lies together and is deeper than this is one object.
        object_depth: Cells less deep than this are no object's.
        min_px: Smaller objects are left out.
    """
    is_object = depth > object_depth
    cores, count = ndimage.label(depth > core)
    if not count:
        return np.zeros(depth.shape, np.uint8)
    markers = np.where(cores > 0, cores + _TABLE, 0).astype(np.int32)
    markers[~is_object] = _TABLE
    cost = np.clip((1.0 - depth) * 255.0, 0.0, 255.0).astype(np.uint8)
    found = cv2.watershed(cv2.merge([cost] * 3), markers)
    return number_labels(np.where(found > _TABLE, found - _TABLE, 0), is_object, min_px)


def number_labels(labels: np.ndarray, is_object: np.ndarray, min_px: int) -> np.ndarray:
    """Give a watershed's lines to their neighbours, drop what is small, number the rest from 1.

    Args:
        labels: Shape (S, S); 0 on lines and off objects.
        is_object: Shape (S, S).
        min_px: Smaller objects are left out.
    """
    grown = ndimage.grey_dilation(labels, size=(3, 3))
    labels = np.where((labels == 0) & is_object, grown, labels) * is_object
    counts = np.bincount(labels.ravel(), minlength=1)
    counts[0] = 0
    kept = np.nonzero(counts >= min_px)[0][:MOST_LABELS]
    number = np.zeros(len(counts), np.uint8)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels]
