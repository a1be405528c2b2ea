"""The target as a robot sees it: pointed at once, then followed through a segmenter's masks."""

from dataclasses import replace

import cv2
import numpy as np

from equigrasp.geometry.actions import Push
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.perception.segmentation import LOST_PX, Segmenter
from equigrasp.perception.target_tracker import TargetTracker


class TargetFollower:
    """Puts a segmenter's labels, and the target that a tracker finds there, in the place of the true ones.

    The truth serves to point at the target at first, and to count how often the tracker differs from it.

    Args:
        segmenter: Numbers the objects of an observation that holds the true labels.
        tracker: Follows the target.
    """

    def __init__(self, segmenter: Segmenter, tracker: TargetTracker) -> None:
        self._segmenter, self._tracker = segmenter, tracker
        self._label = 0
        self.num_looks = self.num_differing = 0

    @property
    def is_lost(self) -> bool:
        """Whether the target must be pointed at anew."""
        return self._tracker.is_lost

    def begin(self, truth: Observation, label: int) -> Observation | None:
        """Point at the middle of a target and return what is seen, with the mask there as the goal.

        Args:
            truth: With true labels.
            label: Of the target there.

        Returns:
            None if no object was found there.
        """
        self._label, seen = label, self._segmented(truth)
        target = (truth.arrays[LABELS] == label).astype(np.uint8)
        middle = int(cv2.distanceTransform(target, cv2.DIST_L2, 5).argmax())
        found = int(seen.arrays[LABELS].flat[middle])
        if not found:
            return None
        self._tracker.begin(seen.arrays[LABELS], seen.heightmap, found)
        return aimed(seen, found)

    def follow(self, truth: Observation, push: Push | None) -> Observation | None:
        """Return what the next look shows, with the target as the goal; None: it was not found.

        The tracker differs from the truth if its mask shows more of another object than of the target, if
        it finds one although the target is not to be seen, or none although it is.

        Args:
            truth: With true labels.
            push: See `TargetTracker.follow`.
        """
        seen, labels = self._segmented(truth), truth.arrays[LABELS]
        found = self._tracker.follow(seen.arrays[LABELS], seen.heightmap, push)
        is_there = int((labels == self._label).sum()) >= LOST_PX
        is_right = is_there is (found is not None)
        if found is not None:
            counts = np.bincount(labels[seen.arrays[LABELS] == found])
            counts[0] = 0  # a mask may well be wider than its object
            is_right &= int(counts.argmax()) == self._label
        self.num_looks += 1
        self.num_differing += not is_right
        return None if found is None else aimed(seen, found)

    def _segmented(self, truth: Observation) -> Observation:
        labels = self._segmenter.segment(truth)
        return replace(truth, arrays={**truth.arrays, LABELS: labels})


def aimed(seen: Observation, label: int) -> Observation:
    """Return an observation with the mask of a label as its goal."""
    return replace(seen, goal={TARGET: np.asarray(seen.arrays[LABELS] == label)})
