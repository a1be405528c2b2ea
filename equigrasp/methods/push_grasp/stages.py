"""One pass of GraspNet, CriticNet or the segmenter over labelled scenes."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch

from equigrasp.learning.precision import forward
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.critic_input import GraspViews, critic_input
from equigrasp.methods.push_grasp.losses import critic_loss, grasp_loss, segmenter_loss
from equigrasp.methods.push_grasp.networks import PIXEL_SIZE
from equigrasp.perception.deep_watershed import depth_inside
from equigrasp.replay.grasp_scenes import GraspOutcomeKind, GraspScene
from equigrasp.replay.scene_augment import augment_scene

_MAX_SHIFT_PX = 6
_MAX_GRADIENT = 10.0
_CLEAN_SHARE = 0.25  # of the scenes that the segmenter sees without noise; with at most
_MAX_NOISE, _NOISE_CELLS = 0.002, 1.0  # [m] of it, the same over about so many cells
_CHUNK = 64  # grasps that CriticNet judges at once
_LABEL, _ROW, _COL, _BIN, _OUTCOME = range(5)  # columns of a scene's grasps


def grasp_success(scene: GraspScene) -> np.ndarray:
    """Return whether each grasp held the object that it was aimed at, float32 (K,)."""
    held = [kind for kind in GraspOutcomeKind if kind.is_target_held]
    return np.isin(scene.grasps[:, _OUTCOME], held).astype(np.float32)


def train_grasp_net(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scenes: Sequence[GraspScene],
    config: PushGraspConfig,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Pass once over scenes, each turned, mirrored and shifted anew; yield the loss of each step."""
    stage = config.grasp_training
    network.train()
    for part in _batches(rng.permutation(len(scenes)), stage.batch_size):
        drawn = [_augmented(scenes[i], rng) for i in part]
        counts = [len(s.grasps) for s in drawn]
        if not sum(counts):
            continue
        grasps = torch.from_numpy(np.concatenate([s.grasps[:, [_ROW, _COL, _BIN]] for s in drawn]))
        success = torch.from_numpy(np.concatenate([grasp_success(s) for s in drawn]))
        scene = torch.repeat_interleave(torch.arange(len(drawn)), torch.tensor(counts))
        heights = np.stack([s.heightmap for s in drawn])[:, None] * config.network.input_scale
        logits = forward(network, stage.precision, torch.from_numpy(heights.astype(np.float32)))
        yield _step(network, optimizer, grasp_loss(logits, scene, grasps.long(), success))


def train_critic(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scenes: Sequence[GraspScene],
    config: PushGraspConfig,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Pass once over all grasps of scenes, each seen from another side; yield the loss of each step."""
    stage = config.critic_training
    network.train()
    held = [grasp_success(scene) for scene in scenes]
    table = [(s, k) for s, scene in enumerate(scenes) for k in range(len(scene.grasps))]
    for part in _batches(rng.permutation(len(table)), stage.batch_size):
        chosen = [table[i] for i in part]
        views = grasp_views(scenes, chosen, PIXEL_SIZE)
        success = np.array([held[s][k] for s, k in chosen], np.float32)
        crops = critic_input(
            views,
            config.network.critic_crop_px,
            config.network.input_scale,
            rng.uniform(0.0, 2.0 * np.pi, len(chosen)),
            rng.random(len(chosen)) < 0.5,
        )
        logits = forward(network, stage.precision, crops)
        loss = critic_loss(logits, torch.from_numpy(success))
        yield _step(network, optimizer, loss)


def train_segmenter(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scenes: Sequence[GraspScene],
    config: PushGraspConfig,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Pass once over scenes, turned, mirrored and as a camera shows them; yield the loss of each step."""
    stage = config.segmenter_training
    network.train()
    for part in _batches(rng.permutation(len(scenes)), stage.batch_size):
        drawn = [_augmented(scenes[i], rng) for i in part]
        heights = np.stack([_as_seen(s.heightmap, rng) for s in drawn])[:, None]
        depth = np.stack([depth_inside(s.labels) for s in drawn])[:, None]
        logits = forward(network, stage.precision, torch.from_numpy(heights))
        loss = segmenter_loss(logits, torch.from_numpy(depth))
        yield _step(network, optimizer, loss)


def critic_scores(
    network: torch.nn.Module, views: GraspViews, config: PushGraspConfig
) -> np.ndarray:
    """Return CriticNet's P(success) of grasps, shape (K,); the network is in evaluation mode."""
    crops = critic_input(views, config.network.critic_crop_px, config.network.input_scale)
    with torch.inference_mode():
        parts = [torch.sigmoid(network(part)) for part in crops.split(_CHUNK)]
    return np.asarray(torch.cat(parts).numpy())


def grasp_views(
    scenes: Sequence[GraspScene], chosen: Sequence[tuple[int, int]], pixel_size: float
) -> GraspViews:
    """Return grasps of scenes as CriticNet sees them.

    Args:
        scenes: With grasps.
        chosen: Index of the scene and of the grasp in it, of each.
        pixel_size: Of the maps [m].
    """
    grasps = np.array([scenes[s].grasps[k] for s, k in chosen])
    theta = grasps[:, _BIN] * (np.pi / scenes[0].num_rotations)
    return GraspViews(
        np.stack([scenes[s].heightmap for s, _ in chosen]),
        np.stack([scenes[s].labels for s, _ in chosen]),
        grasps[:, _LABEL],
        grasps[:, [_ROW, _COL]],
        theta,
        np.array([scenes[s].widths[k] for s, k in chosen]),
        pixel_size,
    )


def _augmented(scene: GraspScene, rng: np.random.Generator) -> GraspScene:
    row, col = (int(v) for v in rng.integers(-_MAX_SHIFT_PX, _MAX_SHIFT_PX + 1, 2))
    turn = int(rng.integers(2 * scene.num_rotations))
    return augment_scene(scene, turn, bool(rng.random() < 0.5), (row, col))


def _as_seen(heightmap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return heights with a stereo camera's noise, or as they are: smooth over some cells, float32."""
    strength = 0.0 if rng.random() < _CLEAN_SHARE else rng.uniform(0.0, _MAX_NOISE)
    white = rng.normal(size=heightmap.shape).astype(np.float32)
    smooth = cv2.GaussianBlur(white, (0, 0), _NOISE_CELLS) * (2.0 * _NOISE_CELLS * np.pi**0.5)
    noisy = heightmap + strength * smooth + rng.normal(0.0, strength)
    return np.asarray(np.maximum(noisy, 0.0), dtype=np.float32)


def _batches(order: np.ndarray, size: int) -> Iterator[list[int]]:
    for begin in range(0, len(order), size):
        yield [int(i) for i in order[begin : begin + size]]


def _step(network: torch.nn.Module, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> float:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), _MAX_GRADIENT)
    optimizer.step()
    return float(loss.detach())
