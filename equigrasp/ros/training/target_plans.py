"""What the services segment_scene and plan_push_grasp answer."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from equigrasp_interfaces.msg import Target
from equigrasp_interfaces.srv import PlanPushGrasp, SegmentScene

from equigrasp.environments.oracle import is_empty
from equigrasp.errors import CommandRejectedError, ConfigError
from equigrasp.geometry.actions import Action, Push
from equigrasp.learning.interfaces import (
    PUSH_MAP,
    Context,
    Decision,
    EmptyWorkspaceError,
    Mode,
)
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.perception.scene_change import has_changed
from equigrasp.perception.scene_objects import scene_objects, seen_px
from equigrasp.perception.segmentation import LOST_PX, MOST_LABELS, Segmenter, segmented
from equigrasp.ros import names
from equigrasp.ros.messages.actions import to_action_msg
from equigrasp.ros.messages.heightmaps import to_heightmap_msg
from equigrasp.ros.messages.pushes import from_push_msg, to_push_limits
from equigrasp.ros.messages.scenes import to_label_map_msg, to_scene_object_msg
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.training.plan_codes import PlanError

_SAME_STAMP = 1e-6  # [s] that a stamp may lose on its way through floats
_CODES = PlanPushGrasp.Response

Look = Callable[[str, float], Observation]
Choose = Callable[[Observation, Context, int], Decision[Action]]


class TargetPlans:
    """Segments scenes, keeps the last segmentation of each workspace, and plans on it.

    Args:
        look: Looks at the workspace of a name, with an image taken at a time [s] or later.
        choose: Has the policy choose, by a seed.
        now: Returns the time of stamps [s].
        segmenter: Numbers the objects.
        takes_targets: Whether the policy does; else there are no plans.
    """

    def __init__(
        self,
        look: Look,
        choose: Choose,
        now: Callable[[], float],
        segmenter: Segmenter,
        *,
        takes_targets: bool,
    ) -> None:
        self._look, self._choose, self._now = look, choose, now
        self._segmenter = segmenter
        self._takes_targets = takes_targets
        self._last: dict[str, Observation] = {}  # by workspace

    def segment(
        self, request: SegmentScene.Request, response: SegmentScene.Response
    ) -> Observation:
        """Fill in a response of `segment_scene`, and return what was labelled."""
        began = time.perf_counter()
        seen = self._segmented(request)
        response.labels, response.heightmap = to_label_map_msg(seen), to_heightmap_msg(seen)
        response.objects = [to_scene_object_msg(thing) for thing in scene_objects(seen)]
        response.segmentation_time = time.perf_counter() - began
        return seen

    def plan(
        self, request: PlanPushGrasp.Request, response: PlanPushGrasp.Response, mode: Mode
    ) -> tuple[Observation, Decision[Action]]:
        """Fill in a response of `plan_push_grasp`, and return what was chosen on what.

        Raises:
            PlanError: if the request or the labels are of no use.
            EmptyWorkspaceError: if nothing lies on the workspace.
        """
        if not self._takes_targets:
            text = f"The method that runs takes no targets; call '{names.PLAN_ACTION}'."
            raise PlanError(_CODES.NO_TARGETS, text)
        try:
            limits = to_push_limits(request, request.num_pushes)
            idle = tuple(from_push_msg(push) for push in request.idle_pushes)
        except (ConfigError, CommandRejectedError) as error:
            raise PlanError(_CODES.BAD_REQUEST, str(error)) from error
        is_by_id = request.target.kind == Target.KIND_ID
        seen = self._kept(request) if is_by_id else self._segmented(request)
        _check_masks(seen)
        aimed = _aimed(seen, request.target)
        context = Context(mode, push_limits=limits, idle_pushes=idle)
        decision = self._choose(aimed, context, request.seed)
        action = to_action_msg(decision, aimed)
        response.kind, response.grasp, response.push = action.kind, action.grasp, action.push
        response.score, response.push_value = decision.value, math.nan
        values = decision.views.get(PUSH_MAP)  # of methods that rate pushes
        if isinstance(decision.action, Push) and values is not None:
            response.push_value = float(np.fmax.reduce(values, axis=None))
        response.target_id = _label_of(decision.aimed(aimed))
        response.labels, response.heightmap = to_label_map_msg(seen), to_heightmap_msg(seen)
        response.decision_time = decision.decision_time
        return aimed, decision

    def _segmented(self, request: Any) -> Observation:
        """Look anew, and keep what was labelled."""
        seen = self._look(request.workspace, from_time(request.not_before))
        seen = segmented(seen, self._segmenter)
        self._last[request.workspace] = seen
        return seen

    def _kept(self, request: PlanPushGrasp.Request) -> Observation:
        """Return the last segmentation, if the workspace still looks as it did."""
        now = self._look(request.workspace, max(self._now(), from_time(request.not_before)))
        last = self._last.get(request.workspace)
        if last is None:
            raise PlanError(
                _CODES.UNKNOWN_TARGET,
                f"Nothing is known by a number: workspace '{request.workspace}' was not segmented "
                f"yet. Call '{names.SEGMENT_SCENE}' first.",
            )
        if last.stamp < from_time(request.not_before) - _SAME_STAMP:
            age = from_time(request.not_before) - last.stamp
            text = f"The last segmentation is {age:.3f} s older than the image asked for."
            raise PlanError(_CODES.STALE_LABELS, text)
        stamp = from_time(request.target.segmented_at)
        if stamp and abs(last.stamp - stamp) > _SAME_STAMP:
            raise PlanError(
                _CODES.STALE_LABELS,
                f"The number is of labels of {stamp:.3f} s; the last ones are of {last.stamp:.3f} s.",
            )
        if has_changed(last.heightmap, now.heightmap, last.workspace):
            raise PlanError(
                _CODES.STALE_LABELS,
                f"Workspace '{request.workspace}' has changed since it was segmented, or the arm "
                f"hides it. Call '{names.SEGMENT_SCENE}' again.",
            )
        return last


def _check_masks(seen: Observation) -> None:
    """Raise where no object is labelled in the action square."""
    name = seen.workspace.name
    if seen_px(seen.arrays[LABELS] > 0, seen.workspace):
        return
    if is_empty(seen):
        raise EmptyWorkspaceError(f"Workspace '{name}' is empty.")
    text = f"Something lies on workspace '{name}', but the segmenter found no object."
    raise PlanError(_CODES.NO_MASKS, text)


def _aimed(seen: Observation, target: Target) -> Observation:
    """Return a labelled scene with the mask of a target as its goal; none for any target."""
    if target.kind == Target.KIND_ANY:
        return seen
    labels = seen.arrays[LABELS]
    if target.kind == Target.KIND_ID:
        label = target.id
    elif target.kind == Target.KIND_POINT:
        label = _label_at(seen, target)
    else:
        text = f"Targets are of kind 0 (any), 1 (id) or 2 (point), found {target.kind}."
        raise PlanError(_CODES.BAD_REQUEST, text)
    mask = labels == label
    if label == 0 or not mask.any():
        known = ", ".join(str(k) for k in np.unique(labels[labels > 0])) or "none"
        text = (
            f"No object has number {label} on workspace '{seen.workspace.name}'. Known: {known}."
        )
        raise PlanError(_CODES.UNKNOWN_TARGET, text)
    count = seen_px(mask, seen.workspace)
    if count < LOST_PX:
        raise PlanError(
            _CODES.TARGET_HIDDEN,
            f"Of object {label} {count} cells are seen where actions may be chosen; {LOST_PX} are "
            "needed.",
        )
    return replace(seen, goal={TARGET: mask})


def _label_at(seen: Observation, target: Target) -> int:
    """Return the number of the object that is seen at a target's point."""
    workspace, point, header = seen.workspace, target.point.point, target.point.header
    place = f"({point.x:.3f}, {point.y:.3f}) m"
    if header.frame_id not in ("", names.BASE_FRAME):
        text = f"Points are given in frame '{names.BASE_FRAME}', found '{header.frame_id}'."
        raise PlanError(_CODES.POINT_OUTSIDE, text)
    is_finite = math.isfinite(point.x) and math.isfinite(point.y)
    if not is_finite or not workspace.contains_xy(point.x, point.y):
        text = f"Point {place} is not on workspace '{workspace.name}', where actions are chosen."
        raise PlanError(_CODES.POINT_OUTSIDE, text)
    row, col = (
        min(c, workspace.heightmap_size_px - 1) for c in workspace.xy_to_pixel(point.x, point.y)
    )
    label = int(seen.arrays[LABELS][row, col])
    if not label:
        text = f"No object is seen at {place} on workspace '{workspace.name}'."
        raise PlanError(_CODES.UNKNOWN_TARGET, text)
    return label


def _label_of(aimed: Observation) -> int:
    """Return the number of most of the target's mask, 0 if it has none."""
    labels = aimed.arrays[LABELS][np.asarray(aimed.goal[TARGET]) > 0]
    counts = np.bincount(labels.ravel(), minlength=MOST_LABELS + 1)
    counts[0] = 0
    return int(counts.argmax())
