"""Minibatches of pushes and grasps from a run's steps, and of grasps from labelled scenes."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from equigrasp.errors import ReplayError
from equigrasp.geometry.actions import PixelGrasp, PixelPush
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import dequantize
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.critic_input import GraspViews, critic_input
from equigrasp.methods.push_grasp.decision_step import decode_action
from equigrasp.methods.push_grasp.push_input import push_view
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.push_grasp.stages import grasp_success, grasp_views
from equigrasp.perception.observation import LABELS, TARGET
from equigrasp.replay.grasp_scenes import GraspScene
from equigrasp.replay.step import Arrays, Step
from equigrasp.seeding import Stream, derive_seed


@dataclass(frozen=True, eq=False)
class PushGraspBatch:
    """Pushes and grasps as tensors; either may be none.

    Args:
        maps: Scaled heights and target about each of P pushes, shape (P, 2, C, C).
        masks: Objects of each, the target first, shape (N, C, C), bool.
        pushes: Row, column and direction bin in the crop, shape (P, 3), int64.
        rewards: Of the pushes, shape (P,).
        crops: What CriticNet sees of each of K grasps, shape (K, 4, D, D).
        success: Of the grasps, shape (K,) in {0, 1}.
    """

    maps: torch.Tensor
    masks: Sequence[torch.Tensor]
    pushes: torch.Tensor
    rewards: torch.Tensor
    crops: torch.Tensor
    success: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Seen:
    """An observation; the steps of one state share it."""

    heightmap: np.ndarray  # (S, S), uint16
    labels: np.ndarray  # (S, S), uint8


class PushGraspBatches:
    """A `BatchSource`: all pushes, each turned and mirrored anew, and grasps from another side.

    Args:
        config: The method.
        workspace: Of the maps.
        seed: Of the run.
        device: Where the batches go.

    Raises:
        ReplayError: if `training.prior_scenes` holds no labelled scenes of this size.
    """

    def __init__(
        self, config: PushGraspConfig, workspace: Workspace, seed: int, device: torch.device
    ) -> None:
        self._config, self._workspace = config, workspace
        self._seed, self._device = seed, device
        self._rule = make_rule(config)
        self._seen: list[_Seen] = []
        self._pushes: list[tuple[int, int, PixelPush, float]] = []  # seen, target, push, reward
        self._grasps: list[tuple[int, int, PixelGrasp, float, float]] = []  # …, width, reward
        self._of_push: list[int] = []  # index of the step of each push
        self._of_grasp: list[int] = []
        self._prior = [
            scene
            for folder in config.training.prior_scenes
            for scene in _read_scenes(folder, workspace)
        ]
        self._prior_success = [grasp_success(scene) for scene in self._prior]
        self._labels = [(s, k) for s, p in enumerate(self._prior) for k in range(len(p.grasps))]

    @property
    def num_bytes(self) -> int:
        """Memory of the maps [bytes]."""
        return sum(s.heightmap.nbytes + s.labels.nbytes for s in self._seen)

    def add(self, step: Step) -> None:
        """See `BatchSource.add`."""
        seen, target = self._keep(step.observation), int(step.observation[TARGET])
        action = decode_action(step.action)
        if isinstance(action, PixelPush):
            self._pushes.append((seen, target, action, step.reward))
            self._of_push.append(step.index)
            return
        heights = dequantize(self._seen[seen].heightmap)
        width = self._rule.grasp(heights, action, self._workspace).width
        self._grasps.append((seen, target, action, width, step.reward))
        self._of_grasp.append(step.index)

    def sample(self, newest: int, sgd_step: int) -> PushGraspBatch:
        """See `BatchSource.sample`."""
        training = self._config.training
        rng = np.random.default_rng([derive_seed(self._seed, Stream.MINIBATCHES), sgd_step])
        num_pushes = bisect.bisect_right(self._of_push, newest)
        num_grasps = bisect.bisect_right(self._of_grasp, newest)
        pushes = _draw(num_pushes, training.batch_size, rng)
        half = training.critic_batch_size // 2 if self._labels else training.critic_batch_size
        grasps = _draw(num_grasps, half, rng)
        prior = _draw(len(self._labels), half, rng)
        maps, masks, places, rewards = self._push_part([self._pushes[i] for i in pushes], rng)
        crops, success = self._grasp_part(
            [self._grasps[i] for i in grasps], [self._labels[i] for i in prior], rng
        )
        return PushGraspBatch(
            maps.to(self._device),
            [m.to(self._device) for m in masks],
            places.to(self._device),
            rewards.to(self._device),
            crops.to(self._device),
            success.to(self._device),
        )

    def _keep(self, observation: Arrays) -> int:
        heightmap, labels = observation["heightmap"], observation[LABELS]
        if self._seen:
            last = self._seen[-1]
            if np.array_equal(last.heightmap, heightmap) and np.array_equal(last.labels, labels):
                return len(self._seen) - 1
        self._seen.append(_Seen(heightmap.copy(), labels.copy()))
        return len(self._seen) - 1

    def _push_part(
        self, drawn: list[tuple[int, int, PixelPush, float]], rng: np.random.Generator
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor, torch.Tensor]:
        network = self._config.network
        maps, masks, places, rewards = [], [], [], []
        for seen, target, push, reward in drawn:
            turn, is_mirrored = int(rng.integers(network.num_directions)), bool(rng.random() < 0.5)
            view = push_view(
                dequantize(self._seen[seen].heightmap),
                self._seen[seen].labels,
                target,
                network.push_crop_px,
                network.input_scale,
                network.num_directions,
                turn,
                is_mirrored,
            )
            place = view.to_crop(push)
            if view.contains(place):
                maps.append(view.maps)
                masks.append(torch.from_numpy(view.masks))
                places.append((place.row, place.col, place.direction_bin))
                rewards.append(reward)
        size = network.push_crop_px
        stacked = np.stack(maps) if maps else np.zeros((0, 2, size, size), np.float32)
        where = torch.tensor(places, dtype=torch.int64).reshape(-1, 3)
        return torch.from_numpy(stacked), masks, where, torch.tensor(rewards, dtype=torch.float32)

    def _grasp_part(
        self,
        own: list[tuple[int, int, PixelGrasp, float, float]],
        prior: list[tuple[int, int]],
        rng: np.random.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        network, pixel_size = self._config.network, self._workspace.pixel_size
        parts, success = [], []
        if own:
            views = GraspViews(
                np.stack([dequantize(self._seen[s].heightmap) for s, *_ in own]),
                np.stack([self._seen[s].labels for s, *_ in own]),
                np.array([target for _, target, *_ in own]),
                np.array([(g.row, g.col) for _, _, g, _, _ in own]),
                np.array([g.rotation_bin for _, _, g, _, _ in own]) * (np.pi / network.num_yaws),
                np.array([width for *_, width, _ in own]),
                pixel_size,
            )
            parts.append(self._crops(views, rng))
            success += [reward for *_, reward in own]
        if prior:
            parts.append(self._crops(grasp_views(self._prior, prior, pixel_size), rng))
            success += [float(self._prior_success[s][k]) for s, k in prior]
        size = network.critic_crop_px
        crops = torch.cat(parts) if parts else torch.zeros((0, 4, size, size))
        return crops, torch.tensor(success, dtype=torch.float32)

    def _crops(self, views: GraspViews, rng: np.random.Generator) -> torch.Tensor:
        network, count = self._config.network, len(views.theta)
        return critic_input(
            views,
            network.critic_crop_px,
            network.input_scale,
            rng.uniform(0.0, 2.0 * np.pi, count),
            rng.random(count) < 0.5,
        )


def _draw(count: int, size: int, rng: np.random.Generator) -> list[int]:
    """Draw some of `count` things, with repeats; none if there are none."""
    return [int(i) for i in rng.integers(count, size=size)] if count else []


def _read_scenes(folder: str, workspace: Workspace) -> list[GraspScene]:
    scenes = [GraspScene.load(path) for path in sorted(Path(folder).glob("scene_*.npz"))]
    if not scenes:
        raise ReplayError(f"prior_scenes: '{folder}' holds no labelled scenes.")
    size = scenes[0].heightmap.shape[0]
    if size != workspace.heightmap_size_px:
        raise ReplayError(
            f"prior_scenes: '{folder}' holds maps of {size} px; workspace '{workspace.name}' has "
            f"{workspace.heightmap_size_px} px."
        )
    return scenes
