"""Which mask of the next look is the target: by where a push should have brought it, and by its shape."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.push_imagination import push_direction, push_ways

_LOOKS_UNTIL_LOST = 2
_WAY_STEP_PX = 3.0  # between two of the ways that a mask may have been carried
_NEAR = 0.03  # [m] scale of the distance between centroids
_NUM_HEIGHTS, _TOP = 50, 0.30  # bins of a height histogram; its end [m]
_IOU, _CENTROID, _AREA, _HEIGHTS = 0.4, 0.3, 0.15, 0.15  # weights, in all 1
_LEAST_FIT = 0.25  # below which two masks are not one object


@dataclass(frozen=True, eq=False)
class _Mask:
    """An object as it was seen.

    Args:
        cells: Rows and columns, shape (N, 2), int.
        heights: Shares of its cells by height, shape (H,).
    """

    cells: np.ndarray
    heights: np.ndarray


class TargetTracker:
    """Follows one object through the label maps of a segmenter, whose numbers change from look to look.

    All masks of the last look are matched with all new ones: each where it lay, and where the push in
    between may have carried it. A mask that fits none well enough has no partner.

    Args:
        workspace: What the looks show.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._heightmap: np.ndarray | None = None
        self._target: _Mask | None = None
        self._others: list[_Mask] = []
        self._num_missed = 0

    @property
    def is_lost(self) -> bool:
        """Whether the target was missed in the last two looks: ask again which object is meant."""
        return self._num_missed >= _LOOKS_UNTIL_LOST

    def begin(self, labels: np.ndarray, heightmap: np.ndarray, target_id: int) -> None:
        """Take up a target.

        Args:
            labels: Number of the object at each cell, shape (S, S), integers; 0: none.
            heightmap: Heights above the table, shape (S, S) [m].
            target_id: Number of the target.

        Raises:
            PerceptionError: if the maps do not fit the workspace, or hold no such object.
        """
        _check_maps(labels, heightmap, self._workspace)
        masks = _masks(labels, heightmap)
        if target_id not in masks:
            known = ", ".join(str(k) for k in masks) or "none"
            raise PerceptionError(f"No object has label {target_id}. Labels: {known}.")
        self._target = masks.pop(target_id)
        self._others = list(masks.values())
        self._heightmap, self._num_missed = heightmap.copy(), 0

    def follow(self, labels: np.ndarray, heightmap: np.ndarray, push: Push | None) -> int | None:
        """Return the target's number in a new look; None: it is not to be found there.

        Args:
            labels: As those of `begin`, of the same shape; numbers need not be the same.
            heightmap: As that of `begin`.
            push: What was done since the last look, best with the length carried out; None: nothing.

        Raises:
            PerceptionError: if no target was taken up or it is lost, or maps or push do not fit the workspace.
        """
        if self._target is None or self._heightmap is None:
            raise PerceptionError("The tracker has no target; begin with one first.")
        if self.is_lost:
            raise PerceptionError("The target is lost; begin again with a new one.")
        _check_maps(labels, heightmap, self._workspace)
        old, found = [self._target, *self._others], _masks(labels, heightmap)
        new = list(found.values())
        fits = self._fits(old, new, labels, list(found), push)
        # Each old mask has a column of its own for "no partner".
        alone = np.full((len(old), len(old)), _LEAST_FIT)
        _, partners = linear_sum_assignment(-np.hstack([fits, alone]))
        partner = int(partners[0])
        is_found = partner < len(new)
        if is_found:
            self._target = new.pop(partner)
        self._others, self._heightmap = new, heightmap.copy()
        self._num_missed = 0 if is_found else self._num_missed + 1
        return list(found)[partner] if is_found else None

    def _fits(
        self,
        old: list[_Mask],
        new: list[_Mask],
        labels: np.ndarray,
        ids: list[int],
        push: Push | None,
    ) -> np.ndarray:
        """Return how well old and new masks fit, shape (K, L) in [0, 1]."""
        assert self._heightmap is not None
        ways, ahead = np.zeros(len(old)), np.zeros(2)
        if push is not None:
            before = np.zeros(self._heightmap.shape, np.uint8)
            for k, mask in enumerate(old, 1):
                before[tuple(mask.cells.T)] = k
            ways = push_ways(push, before, self._heightmap, self._workspace)[1 : 1 + len(old)]
            ahead = push_direction(push)
        areas = np.array([len(m.cells) for m in new], float)
        centroids = np.array([m.cells.mean(axis=0) for m in new]).reshape(-1, 2)
        heights = np.array([m.heights for m in new]).reshape(-1, _NUM_HEIGHTS)
        fits = np.zeros((len(old), len(new)))
        for k, mask in enumerate(old):
            area = len(mask.cells)
            of_shape = _AREA * np.minimum(area, areas) / np.maximum(area, areas)
            of_shape += _HEIGHTS * np.minimum(mask.heights, heights).sum(axis=1)
            of_place = np.zeros(len(new))
            steps = 1 + int(np.ceil(ways[k] / _WAY_STEP_PX))
            for way in np.linspace(0.0, ways[k], steps) if ways[k] else (0.0,):
                moved = np.round(mask.cells + way * ahead).astype(np.int64)
                away = np.linalg.norm(centroids - mask.cells.mean(axis=0) - way * ahead, axis=1)
                place = _IOU * _iou(moved, labels, ids, areas)
                place += _CENTROID * np.exp(-away * self._workspace.pixel_size / _NEAR)
                of_place = np.maximum(of_place, place)
            fits[k] = of_shape + of_place
        return fits


def _masks(labels: np.ndarray, heightmap: np.ndarray) -> dict[int, _Mask]:
    """Return the objects of a label map by their numbers."""
    cells = np.argwhere(labels > 0)
    numbers = labels[cells[:, 0], cells[:, 1]].astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    cells, (ids, begins) = cells[order], np.unique(numbers[order], return_index=True)
    share = heightmap[cells[:, 0], cells[:, 1]] / _TOP
    bins = (share * _NUM_HEIGHTS).clip(0, _NUM_HEIGHTS - 1).astype(np.int64)
    masks = {}
    for label, of_mask, heights in zip(
        ids.tolist(), np.split(cells, begins[1:]), np.split(bins, begins[1:]), strict=False
    ):
        counts = np.bincount(heights, minlength=_NUM_HEIGHTS)
        masks[label] = _Mask(of_mask, counts / len(of_mask))
    return masks


def _iou(cells: np.ndarray, labels: np.ndarray, ids: list[int], areas: np.ndarray) -> np.ndarray:
    """Return the intersection over union of a mask's cells, shape (N, 2), with each of L labels."""
    inside = cells[((cells >= 0) & (cells < len(labels))).all(axis=1)]
    counts = np.bincount(labels[inside[:, 0], inside[:, 1]], minlength=max(ids, default=0) + 1)
    both = counts[ids].astype(float) if ids else np.zeros(0)
    return both / (len(cells) + areas - both)


def _check_maps(labels: np.ndarray, heightmap: np.ndarray, workspace: Workspace) -> None:
    """Raise `PerceptionError` unless the maps are of the workspace's size, and of values that mean something."""
    size = workspace.heightmap_size_px
    if labels.shape != (size, size) or heightmap.shape != (size, size):
        raise PerceptionError(
            f"Labels {labels.shape} and heightmap {heightmap.shape} must both have shape "
            f"({size}, {size}), that of workspace '{workspace.name}'."
        )
    if labels.dtype.kind not in "ui" or int(labels.min()) < 0:
        raise PerceptionError(f"Labels must be integers from 0, found type {labels.dtype}.")
    if not np.isfinite(heightmap).all():
        raise PerceptionError("The heightmap holds values that are not finite.")
