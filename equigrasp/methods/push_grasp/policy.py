"""Grasp the target where the score is high enough, else push (paper, section III-D)."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch

from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelGrasp, PixelPush, PlanarGrasp, Push
from equigrasp.learning.exploration import spread_maxima
from equigrasp.learning.interfaces import (
    PUSH_MAP,
    Q_MAP,
    ROTATION_VALUES,
    Context,
    Decision,
    EmptyWorkspaceError,
    Probe,
    PushLimits,
)
from equigrasp.learning.learned_segmenter import LearnedSegmenter
from equigrasp.learning.network_policy import NetworkPolicy
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.critic_input import GraspViews
from equigrasp.methods.push_grasp.decision_step import PUSH_KIND, encode_action
from equigrasp.methods.push_grasp.grasp_choice import (
    RatedGrasps,
    heuristic_grasps,
    random_grasp,
)
from equigrasp.methods.push_grasp.grasp_maps import GraspMaps
from equigrasp.methods.push_grasp.networks import CRITIC, GRASP, PUSH, SEGMENTER, THRESHOLD
from equigrasp.methods.push_grasp.push_choice import (
    RatedPushes,
    imagined_push,
    learned_push,
    nearest_push,
    random_push,
)
from equigrasp.methods.push_grasp.push_input import PushView
from equigrasp.methods.push_grasp.rule import make_push_rule, make_rule
from equigrasp.methods.push_grasp.stages import critic_scores
from equigrasp.perception.observation import LABELS, TARGET, Observation

_SPREAD_PX = 2  # rows and columns between two candidates
_NUM_YAWS = 2  # of a candidate pixel
_NUM_GLANCED = 2  # candidate pixels where many scenes, or objects, are compared
_PROBE_PX = 160

Chosen: TypeAlias = PlanarGrasp | Push


class PushGraspPolicy(NetworkPolicy):
    """Chooses a grasp on the target, or a push that shall free it.

    Args:
        config: Networks and how they are used.
        modules: See `NetworkPolicy`.
    """

    def __init__(self, config: PushGraspConfig, modules: dict[str, torch.nn.Module]) -> None:
        super().__init__(modules)
        self._config = config
        self.rule, self.push_rule = make_rule(config), make_push_rule(config)
        self.segmenter = LearnedSegmenter(modules[SEGMENTER])
        self._grasp_maps = GraspMaps(modules[GRASP], config.network.input_scale)

    @property
    def score_threshold(self) -> float:
        """A grasp with a higher score is carried out."""
        return float(self._modules[THRESHOLD].value)  # type: ignore[arg-type]

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[Chosen]:
        """Choose the best grasp on the target, or the best push where its score is too low.

        Args:
            observation: Heightmap and labels; its goal holds the target's mask, or nothing: then it is
                the object that GraspNet likes best.
            context: In the mode `random` any grasp on the target. Where it sets no limits its history tells
                how many pushes there were for this target.
            rng: All randomness of the choice.

        Raises:
            EmptyWorkspaceError: if no object is labelled in the action square.
            PerceptionError: if the target is not to be seen, or there are no labels.
        """
        began = time.perf_counter()
        target = self.target(observation)
        aimed = replace(observation, goal={TARGET: target})
        if context.mode == "random":
            grasp = random_grasp(observation, target, self.rule.num_rotations, rng)
            return self._decision(aimed, grasp, float("nan"), {}, began)
        rated, limits = self.rate(observation, target), self._push_limits(context)
        score, threshold = float(rated.scores[0]), limits.score_threshold
        views = {Q_MAP: rated.value_map, ROTATION_VALUES: rated.yaw_values}
        chosen: PixelGrasp | PixelPush = rated.grasps[0]
        if threshold is None:
            threshold = self.score_threshold
        if score <= threshold and limits.num_pushes < limits.max_pushes:
            pushes = self.push_for(observation, target, rng, context.idle_pushes)
            if pushes is not None:
                chosen = pushes.best
                views |= {} if pushes.value_map is None else {PUSH_MAP: pushes.value_map}
        return self._decision(aimed, chosen, score, views, began)

    def _push_limits(self, context: Context) -> PushLimits:
        if context.push_limits is not None:
            return context.push_limits
        return PushLimits(_num_pushes(context), self._config.acting.max_pushes)

    def push_for(
        self,
        observation: Observation,
        target: np.ndarray,
        rng: np.random.Generator,
        idle: Sequence[Push] = (),
    ) -> RatedPushes | None:
        """Return the push that `acting.push_choice` stands for; None: there is no room, or no reason.

        Args:
            observation: Heightmap and labels.
            target: The target's mask, shape (S, S).
            rng: Draws random ones.
            idle: Pushes that moved nothing; none like them is returned.
        """
        choice, push, rule = self._config.acting.push_choice, None, self.push_rule.without(idle)
        if choice == "learned":
            return self.rate_pushes(observation, target, idle)
        if choice == "random":
            push = random_push(observation, target, rule, rng)
        elif choice == "nearest":
            push = nearest_push(observation, target, rule)
        else:
            push = imagined_push(observation, target, rule, self._glance)
        return None if push is None else RatedPushes(push)

    def choose_push(
        self, observation: Observation, target: np.ndarray, idle: Sequence[Push] = ()
    ) -> PixelPush | None:
        """Return PushNet's best push for a target; see `rate_pushes`."""
        rated = self.rate_pushes(observation, target, idle)
        return None if rated is None else rated.best

    def rate_pushes(
        self, observation: Observation, target: np.ndarray, idle: Sequence[Push] = ()
    ) -> RatedPushes | None:
        """Return PushNet's values of pushes for a target; None: there is no room for any.

        Args as those of `push_for`.
        """

        def values(view: PushView) -> np.ndarray:
            with self._lock, torch.inference_mode():
                maps, masks = torch.from_numpy(view.maps[None]), torch.from_numpy(view.masks)
                return np.asarray(self._modules[PUSH](maps, [masks])[0].numpy())

        rule = self.push_rule.without(idle)
        return learned_push(observation, target, rule, self._config.network, values)

    def random_push(
        self, observation: Observation, target: np.ndarray, rng: np.random.Generator
    ) -> PixelPush | None:
        """Return a random push near a target that would touch something; None: there is no room."""
        return random_push(observation, target, self.push_rule, rng)

    def rate(
        self, observation: Observation, target: np.ndarray, count: int | None = None
    ) -> RatedGrasps:
        """Return the best grasps on a target, those that CriticNet, or the heuristic, trusts most first.

        The paper takes GraspNet's one best and asks CriticNet once; `num_candidates` 1 is that.

        Args:
            observation: Heightmap and labels.
            target: Its mask, shape (S, S), at least one pixel in the action square.
            count: Places to choose among; None: `num_candidates`.
        """
        acting = self._config.acting
        count = count or acting.num_candidates
        if acting.grasp_choice == "heuristic":
            return heuristic_grasps(observation, target, self.rule, count)
        num_yaws = 1 if acting.num_candidates == 1 else _NUM_YAWS
        with self._lock:
            best, pixels, yaws, values, of_place = self._candidates(
                observation, target, count, num_yaws
            )
            scores = self._scores(observation, target, pixels, yaws)
        order = np.argsort(-scores, kind="stable")
        grasps = [PixelGrasp(int(pixels[i, 0]), int(pixels[i, 1]), int(yaws[i])) for i in order]
        return RatedGrasps(
            grasps, scores[order], values[order], best, of_place[order[0] // num_yaws]
        )

    def score(self, observation: Observation, target: np.ndarray, grasp: PixelGrasp) -> float:
        """Return CriticNet's score of one grasp on a target's mask, shape (S, S)."""
        pixels, bins = np.array([[grasp.row, grasp.col]]), np.array([grasp.rotation_bin])
        with self._lock:
            return float(self._scores(observation, target, pixels, bins)[0])

    def best_grasps(
        self, observation: Observation, target: np.ndarray, count: int
    ) -> list[PixelGrasp]:
        """Return GraspNet's own choice of grasps on a target, apart from one another, best first."""
        with self._lock:
            _, pixels, yaws, *_ = self._candidates(observation, target, count, 1)
        places = zip(pixels.tolist(), yaws.tolist(), strict=True)
        return [PixelGrasp(row, col, yaw) for (row, col), yaw in places]

    def probe(self) -> Probe:
        """Return some values of a fixed scene, and how they follow half a turn of it, the exact one."""
        scene = _probe_scene()
        with self._lock:
            maps = self._grasp_maps.of(scene)
            turned = self._grasp_maps.of(np.ascontiguousarray(scene[::-1, ::-1]))
        size = _PROBE_PX // 2
        answers = tuple(round(float(v), 4) for v in maps[:, size, size + 4])
        error = float(np.abs(turned - maps[:, ::-1, ::-1]).max())
        return Probe(answers, error if self._config.network.kind == "equivariant" else None)

    def _decision(
        self,
        observation: Observation,
        chosen: PixelGrasp | PixelPush,
        value: float,
        views: dict[str, np.ndarray],
        began: float,
    ) -> Decision[Chosen]:
        rule = self.rule.grasp if isinstance(chosen, PixelGrasp) else self.push_rule.push
        return Decision(
            action=rule(observation.heightmap, chosen, observation.workspace),  # type: ignore[arg-type]
            encoded=encode_action(chosen),
            value=value,
            views=views,
            policy_version=self.version,
            decision_time=time.perf_counter() - began,
            goal=observation.goal,
        )

    def target(self, observation: Observation) -> np.ndarray:
        """Return the mask of what to fetch, shape (S, S); errors as those of `choose`."""
        workspace = observation.workspace
        if LABELS not in observation.arrays:
            raise PerceptionError(
                "Push-grasp needs labels of the objects; the observation has none."
            )
        inside = np.zeros(observation.heightmap.shape, bool)
        low, high = workspace.border_px, workspace.border_px + workspace.action_size_px
        inside[low:high, low:high] = True
        labels = np.where(inside, observation.arrays[LABELS], 0)
        if not labels.any():
            raise EmptyWorkspaceError(
                f"Workspace '{workspace.name}' is empty: no object is labelled."
            )
        if TARGET in observation.goal:
            target = np.asarray(observation.goal[TARGET]) > 0
            if target.shape != inside.shape:
                raise PerceptionError(
                    f"The target's mask has shape {target.shape}; the heightmap {inside.shape}."
                )
            if not (target & inside).any():
                raise PerceptionError("The target is not to be seen in the workspace.")
            return target
        if self._config.acting.grasp_choice == "heuristic":
            masks = [labels == k for k in np.unique(labels[labels > 0])]
            return max(masks, key=lambda mask: self._glance(observation, mask))
        with self._lock:
            best = np.where(
                labels > 0, self._grasp_maps.of(observation.heightmap).max(axis=0), -1.0
            )
        row, col = np.unravel_index(int(best.argmax()), best.shape)
        return np.asarray(labels == labels[row, col])

    def _glance(self, observation: Observation, target: np.ndarray) -> float:
        """Return the score of the best of a few grasps on a target."""
        return float(self.rate(observation, target, _NUM_GLANCED).scores[0])

    def _candidates(
        self, observation: Observation, target: np.ndarray, count: int, num_yaws: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return GraspNet's best grasps on a target.

        Returns:
            Its values on the target, shape (A, A); pixels (K, 2), yaws (K,) and values (K,) of the best;
            and the values of all yaws at the pixels, shape (K / num_yaws, n).
        """
        workspace = observation.workspace
        inner = slice(workspace.border_px, workspace.border_px + workspace.action_size_px)
        maps = self._grasp_maps.of(observation.heightmap)[:, inner, inner]
        best = np.where(target[inner, inner], maps.max(axis=0), 0.0)
        places = spread_maxima(best, target[inner, inner], count, _SPREAD_PX)
        of_place = maps[:, places[:, 0], places[:, 1]].T
        yaws = np.argsort(-of_place, axis=1, kind="stable")[:, :num_yaws]
        values = np.take_along_axis(of_place, yaws, axis=1).ravel()
        pixels = np.repeat(places + workspace.border_px, num_yaws, axis=0)
        return best, pixels, yaws.ravel(), values, of_place

    def _scores(
        self,
        observation: Observation,
        target: np.ndarray,
        pixels: np.ndarray,
        rotation_bins: np.ndarray,
    ) -> np.ndarray:
        """Return CriticNet's scores of grasps on a target, shape (K,)."""
        theta = rotation_bins * (np.pi / self.rule.num_rotations)
        rows, cols = pixels.T
        heightmap, count = observation.heightmap, len(pixels)
        _, width = self.rule.height_and_width(heightmap, rows, cols, theta, observation.workspace)
        # The target's number for CriticNet: 2, all others' 1.
        labels = np.where(target, 2, observation.arrays[LABELS] > 0)
        views = GraspViews(
            np.broadcast_to(heightmap, (count, *heightmap.shape)),
            np.broadcast_to(labels, (count, *labels.shape)),
            np.full(count, 2),
            pixels,
            theta,
            np.broadcast_to(width, count),
            observation.workspace.pixel_size,
        )
        return critic_scores(self._modules[CRITIC], views, self._config)


def make_policy(config: PushGraspConfig, modules: dict[str, torch.nn.Module]) -> PushGraspPolicy:
    """Return the policy of a configuration; it owns the modules."""
    return PushGraspPolicy(config, modules)


def _num_pushes(context: Context) -> int:
    """Return how many pushes there were since the last success."""
    kinds = [attempt.action.get("kind") for attempt in context.history]
    return sum(kind is not None and int(kind) == PUSH_KIND for kind in kinds)


def _probe_scene() -> np.ndarray:
    """Return two boxes, one beside the other, shape (S, S) [m]."""
    scene = np.zeros((_PROBE_PX, _PROBE_PX), np.float32)
    scene[70:86, 76:98], scene[88:100, 70:90] = 0.04, 0.06
    return scene
