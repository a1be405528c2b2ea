"""Beside a policy that grasps: a push where it comes back to what it failed to grasp."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from scipy import ndimage

from equigrasp.geometry.actions import PixelPush, PlanarGrasp, Push
from equigrasp.learning.interfaces import Attempt, Context, Decision, Mode, Policy, Probe
from equigrasp.learning.pixel_policy import PixelPolicy
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.freeing_push import FreeingRule, find_freeing_push
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.perception.segmentation import Segmenter, segmented

_PATIENCE = 2  # grasps that failed at an object, before it is pushed
_MOST_PUSHES = 4  # since the last success
_REACH = 0.02  # [m] from an object's cells, where a grasp is one at it
_KEYS = ("row", "col", "direction_bin")

P = TypeVar("P", bound=Policy[PlanarGrasp])


class FreeingPolicy(Generic[P]):
    """Chooses as the policy does, but for objects that it cannot grasp and that have no room.

    A policy whose grasps failed looks elsewhere first. Where it comes back to an object at which it failed
    twice since the last success or push, there is nothing better; if a push gives that object room
    (see `find_freeing_push`), the push is chosen. After a push the failures before it in that workspace count
    no more: things lie otherwise. Random choices are left alone.

    Args:
        policy: What grasps.
        modes: In which it may push. `train` is for a policy that then looks elsewhere where grasps failed
            (`failure_penalty`).
        rule: When a push is worth it.
        segmenter: Tells objects apart where an observation has no labels.
    """

    def __init__(
        self,
        policy: P,
        modes: tuple[Mode, ...] = ("greedy",),
        rule: FreeingRule | None = None,
        segmenter: Segmenter | None = None,
    ) -> None:
        self.policy = policy
        self._modes = modes
        self._rule = rule or FreeingRule()
        self._segmenter = segmenter or DepthSegmenter()

    @property
    def version(self) -> int:
        """Version of the policy's weights."""
        return self.policy.version

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[PlanarGrasp | Push]:
        """Choose a grasp, or a push by rule; errors as those of the policy."""
        began = time.perf_counter()
        name = observation.workspace.name
        failures = _since_push(context.history, name)
        grasp = self.policy.choose(observation, Context(context.mode, failures), rng)
        is_random = math.isnan(grasp.value)
        if context.mode not in self._modes or is_random or len(failures) < _PATIENCE:
            return grasp
        pushes = [a.action for a in context.history if a.is_by_rule and a.workspace == name]
        if len(pushes) >= _MOST_PUSHES:
            return grasp
        target = self._target(observation, failures, grasp.encoded)
        if target is None:
            return grasp
        tried = [PixelPush(*(int(push[key]) for key in _KEYS)) for push in pushes]
        found = find_freeing_push(
            observation.heightmap, target, observation.workspace, self._rule, tried
        )
        if found is None:
            return grasp
        pixel = found.pixel
        values = zip(_KEYS, (pixel.row, pixel.col, pixel.direction_bin), strict=True)
        return Decision(
            action=found.push,
            encoded={key: np.asarray(value, np.int32) for key, value in values},
            value=float("nan"),
            policy_version=self.version,
            decision_time=time.perf_counter() - began,
            is_by_rule=True,
        )

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Hand weights on; see `Policy.load`."""
        self.policy.load(tensors, version, source)

    def probe(self) -> Probe:
        """Hand the question on; see `Policy.probe`."""
        return self.policy.probe()

    def _target(
        self,
        observation: Observation,
        failures: tuple[Attempt, ...],
        chosen: Mapping[str, np.ndarray],
    ) -> np.ndarray | None:
        """Return the mask of the object that a grasp comes back to, shape (S, S); None: it does not."""
        name, cell = observation.workspace.name, observation.workspace.pixel_size
        labels = _without_walls(
            segmented(observation, self._segmenter).arrays[LABELS], observation
        )
        if not labels.any():
            return None
        aimed_at = _nearest_labels(labels, cell)
        label = aimed_at[_pixel(chosen)]
        places = [a.action for a in failures if a.workspace == name and "row" in a.action]
        count = sum(aimed_at[_pixel(place)] == label for place in places)
        return np.asarray(labels == label) if label and count >= _PATIENCE else None


def _since_push(history: tuple[Attempt, ...], name: str) -> tuple[Attempt, ...]:
    """Return the attempts of the method, in the workspace of a name those after the last push by rule."""
    last = max(
        (i for i, a in enumerate(history) if a.is_by_rule and a.workspace == name), default=-1
    )
    kept = (a for i, a in enumerate(history) if i > last or a.workspace not in ("", name))
    return tuple(a for a in kept if not a.is_by_rule)


def _without_walls(labels: np.ndarray, observation: Observation) -> np.ndarray:
    """Return labels (S, S) without those that lie for the most part outside the action square: walls."""
    border = observation.workspace.border_px
    inner = labels[border : len(labels) - border, border : len(labels) - border]
    inside, all_cells = (np.bincount(of.ravel(), minlength=256) for of in (inner, labels))
    return np.where((2 * inside >= all_cells)[labels], labels, 0)


def _nearest_labels(labels: np.ndarray, cell: float) -> np.ndarray:
    """Return the label of the object that a grasp at each pixel aims at, (S, S): the nearest; 0: none is near."""
    distance, (rows, cols) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return np.where(distance * cell > _REACH, 0, labels[rows, cols])


def _pixel(place: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Return row and column of an encoded grasp."""
    return int(place["row"]), int(place["col"])


def with_pushes(policy: Any, acting: Any, warn: Callable[[str], Any]) -> Any:
    """Return a policy that makes freeing pushes; warn, and return the policy itself, where it cannot.

    Args:
        policy: What grasps.
        acting: How it chooses, an `ActingConfig` if it is a `PixelPolicy`.
        warn: Takes the warning.
    """
    if not isinstance(policy, PixelPolicy):
        kind = type(policy).__name__
        warn(f"has_freeing_pushes is without effect: {kind} chooses no grasps by pixel and yaw.")
        return policy
    looks_elsewhere = getattr(acting, "failure_penalty", 0.0) > 0.0
    modes: tuple[Mode, ...] = ("train", "greedy") if looks_elsewhere else ("greedy",)
    return FreeingPolicy(policy, modes)
