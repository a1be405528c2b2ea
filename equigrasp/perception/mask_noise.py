"""Masks as a segmenter might have got them wrong: truth with other rims, merged, split and missing."""

from dataclasses import dataclass

import cv2
import numpy as np

from equigrasp.errors import PerceptionError
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.perception.segmentation import MOST_LABELS

_TOUCH_PX = 3  # objects that are nearer than this may be taken for one


@dataclass(frozen=True)
class MaskNoise:
    """How wrong masks are.

    Args:
        rim_px: Largest way that an object's rim moves, outward or inward [px].
        confused: Share of the objects that are merged with a neighbour or split, half of them each; without
            a neighbour split.
        missing: Share of the objects that are not found.
    """

    rim_px: int = 2
    confused: float = 0.05
    missing: float = 0.02

    def __post_init__(self) -> None:
        if self.rim_px < 0:
            raise PerceptionError(f"Mask noise rim_px must be 0 or more, found {self.rim_px}.")
        for key in ("confused", "missing"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise PerceptionError(
                    f"Mask noise {key} must be in [0, 1], found {getattr(self, key)}."
                )


def noisy_labels(
    labels: np.ndarray,
    rng: np.random.Generator,
    noise: MaskNoise | None = None,
    kept: int = 0,
) -> np.ndarray:
    """Return labels with noise, shape (S, S) uint8; what is left of an object keeps its number.

    Args:
        labels: True labels, shape (S, S), uint8.
        rng: All randomness.
        noise: How much; None: the usual.
        kept: An object that is neither missing nor merged into another, as a target that labels name;
            0: none.
    """
    noise, out = noise or MaskNoise(), np.zeros(labels.shape, np.uint8)
    objects, most = rng.permutation(np.unique(labels[labels > 0])), int(labels.max())
    for label in objects:  # where two rims meet, the later object has the cell
        mask = (labels == label).astype(np.uint8)
        out[_with_rim(mask, int(rng.integers(-noise.rim_px, noise.rim_px + 1))) > 0] = label
    for label in objects:
        draw, is_split = rng.random(), rng.random() < 0.5
        if draw < noise.missing:
            out[(out == label) & (label != kept)] = 0
        elif draw < noise.missing + noise.confused:
            neighbours = [k for k in _neighbours(out, int(label)) if k != kept]
            if is_split or not neighbours:
                _split_in_place(out, int(label), max(most, int(out.max())) + 1, rng)
            else:
                out[out == rng.choice(neighbours)] = label
    return out


class NoisyTruth:
    """A `Segmenter` that knows the truth, and tells it with noise.

    Args:
        rng: All randomness: two looks at one scene differ.
        noise: How much; None: the usual.
    """

    def __init__(self, rng: np.random.Generator, noise: MaskNoise | None = None) -> None:
        self._rng, self._noise = rng, noise

    def segment(self, observation: Observation) -> np.ndarray:
        """See `Segmenter.segment`; the observation holds the true labels."""
        return noisy_labels(observation.arrays[LABELS], self._rng, self._noise)


def _with_rim(mask: np.ndarray, way: int) -> np.ndarray:
    """Return a mask, shape (S, S), with its rim moved outward [px]; what would vanish stays."""
    size = 2 * abs(way) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    moved = cv2.dilate(mask, disc) if way > 0 else cv2.erode(mask, disc)
    return np.asarray(moved if moved.any() else mask)


def _neighbours(labels: np.ndarray, label: int) -> list[int]:
    """Return the objects that all but touch an object."""
    near = cv2.dilate((labels == label).astype(np.uint8), np.ones((2 * _TOUCH_PX + 1,) * 2))
    return [int(k) for k in np.unique(labels[near > 0]) if k not in (0, label)]


def _split_in_place(labels: np.ndarray, label: int, new: int, rng: np.random.Generator) -> None:
    """Cut an object in two through its middle; the other part has a new number, if there is such a one."""
    angle = rng.uniform(0.0, np.pi)
    cells = np.argwhere(labels == label)
    if not len(cells) or new > MOST_LABELS:
        return
    beyond = (cells - cells.mean(axis=0)) @ [np.cos(angle), np.sin(angle)] > 0.0
    labels[cells[beyond, 0], cells[beyond, 1]] = new
