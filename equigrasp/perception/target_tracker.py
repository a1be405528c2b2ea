"""Which object of a new look is the target of the one before, after a push."""

import numpy as np
from scipy import ndimage

from equigrasp.geometry.actions import Push
from equigrasp.geometry.workspace import Workspace

_NUM_SHIFTS = 5  # along the push, from none to all of it
_MIN_IOU = 0.2  # of the target's mask, moved on, and the mask that follows it


class TargetTracker:
    """Follows one object from look to look: by the overlap of its mask, moved on along the push.

    Args:
        workspace: What the looks show.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._mask = np.zeros((0, 0), bool)

    def begin(self, labels: np.ndarray, heightmap: np.ndarray, target_id: int) -> None:
        """Begin with an object.

        Args:
            labels: Number of the object at each cell, shape (S, S), uint8.
            heightmap: Heights above the workspace floor, shape (S, S) [m].
            target_id: Number of the target in the labels.
        """
        self._mask = labels == target_id

    def follow(self, labels: np.ndarray, heightmap: np.ndarray, push: Push) -> int | None:
        """Return the target's number in a look after a push; None: it is lost.

        Args:
            labels: As in `begin`, after the push.
            heightmap: The same.
            push: As it was carried out.
        """
        best, best_iou = 0, _MIN_IOU
        way = np.array([np.cos(push.direction), np.sin(push.direction)]) * push.length
        for share in np.linspace(0.0, 1.0, _NUM_SHIFTS):
            shift = way * share / self._workspace.pixel_size
            moved = ndimage.shift(self._mask.astype(np.uint8), shift, order=0)
            for label in np.unique(labels[(labels > 0) & (moved > 0)]):
                found = labels == label
                iou = float((found & (moved > 0)).sum() / (found | (moved > 0)).sum())
                if iou > best_iou:
                    best, best_iou = int(label), iou
        if not best:
            return None
        self._mask = labels == best
        return best
