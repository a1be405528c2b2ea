"""Objects by heights alone, without learning: a fallback for a few objects that lie apart."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from equigrasp.perception.deep_watershed import number_labels
from equigrasp.perception.observation import Observation

_VALLEY_PX = 2.0  # deviation of the mean that a valley lies below
_COST = 20.0  # of a step or valley that just parts two objects, of at most 255
_WATERSHED_UNKNOWN, _TABLE = 0, 1  # markers


@dataclass(frozen=True)
class DepthSegmenter:
    """Objects are what rises above the table, cut where heights step or a valley lies between.

    Heights are taken as they are: a median or a Gauss before costs more at narrow gaps than a stereo
    camera's noise does (docs/methods/push_grasp.md, Masks).

    Args:
        height_threshold: Cells higher than this belong to objects [m].
        step: Height between neighbours that parts two objects [m].
        valley: Depth below the mean of what is about a cell that parts two objects [m].
        core_px: An object's inner part is at least this far from its rim [px].
        min_px: Smaller objects are left out.
    """

    height_threshold: float = 0.006
    step: float = 0.005
    valley: float = 0.003
    core_px: float = 2.0
    min_px: int = 40

    def segment(self, observation: Observation) -> np.ndarray:
        """See `Segmenter.segment`; the nearest object in reading order is 1."""
        heights = observation.heightmap.astype(np.float32)
        is_object = heights > self.height_threshold
        gradient = np.hypot(
            cv2.Sobel(heights, cv2.CV_32F, 1, 0, scale=0.125),
            cv2.Sobel(heights, cv2.CV_32F, 0, 1, scale=0.125),
        )
        valley = cv2.GaussianBlur(heights, (0, 0), _VALLEY_PX) - heights
        is_rim = (gradient > self.step) | (valley > self.valley) | ~is_object
        inside = cv2.distanceTransform((~is_rim).astype(np.uint8), cv2.DIST_L2, 5)
        cores, count = ndimage.label(inside >= self.core_px)
        if not count:
            return np.zeros(heights.shape, np.uint8)
        markers = np.where(cores > 0, cores + _TABLE, _WATERSHED_UNKNOWN).astype(np.int32)
        markers[~is_object] = _TABLE
        cost = np.clip(_COST * (gradient / self.step + valley / self.valley), 0, 255)
        found = cv2.watershed(cv2.merge([cost.astype(np.uint8)] * 3), markers)
        labels = np.where(found > _TABLE, found - _TABLE, 0)
        return number_labels(labels, is_object, self.min_px)
