"""GraspNet, CriticNet, PushNet and the segmenter of one configuration."""

import numpy as np
import torch

from equigrasp.learning.learned_segmenter import make_segmentation_net
from equigrasp.methods.push_grasp.config import NetworkConfig, PushGraspConfig
from equigrasp.networks.equivariant_critic import EquivariantCritic
from equigrasp.networks.orientation_unet import OrientationUNet, scalars, yaw_type
from equigrasp.networks.plain_critic import PlainCritic
from equigrasp.networks.plain_unet import PlainUNet
from equigrasp.networks.push_unet import PushUNet
from equigrasp.networks.unit_variance import equalize
from equigrasp.seeding import Stream, derive_seed

GRASP, CRITIC, PUSH = "grasp", "critic", "push"
THRESHOLD, SEGMENTER = "threshold", "segmenter"
PIXEL_SIZE = 0.003125  # [m] that networks are trained on; others are refused with the weights
_CRITIC_CHANNELS = 4  # heights, target, all objects, grasp picture
_NUM_BOXES, _BOX_SIDES_PX, _BOX_HEIGHTS = 8, (6, 24), (0.02, 0.06)  # of a made-up scene; [m]


def make_networks(config: PushGraspConfig, seed: int) -> dict[str, torch.nn.Module]:
    """Build the networks with weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, Stream.NETWORKS))
        network = config.network
        modules = {
            GRASP: _make_grasp_net(network),
            CRITIC: _make_critic(network),
            PUSH: _make_push_net(network),
            THRESHOLD: ScoreThreshold(config.acting.score_threshold),
            SEGMENTER: make_segmentation_net(
                network.segmenter_fields, network.is_stem_pooled, network.input_scale
            ),
        }
    heights, masks = _boxes(network.push_crop_px)
    scaled, target = network.input_scale * heights, masks[:1].float()
    equalize(modules[SEGMENTER], heights[None, None])
    if network.kind == "equivariant":
        everything = masks.any(0).float()
        equalize(modules[GRASP], scaled[None, None])
        equalize(modules[CRITIC], torch.stack([scaled, target[0], everything, target[0]])[None])
        equalize(modules[PUSH], torch.cat([scaled[None], target])[None], [masks])
    return modules


def _boxes(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return heights (S, S) [m] and masks (N, S, S) of a made-up scene; always the same."""
    rng = np.random.default_rng(0)
    labels, heights = np.zeros((size, size), int), np.zeros(_NUM_BOXES + 1)
    heights[1:] = rng.uniform(*_BOX_HEIGHTS, _NUM_BOXES)
    for label in range(_NUM_BOXES, 0, -1):  # the first lies on top
        (row, col), (rows, cols) = rng.integers(0, size, 2), rng.integers(*_BOX_SIDES_PX, 2)
        labels[row : row + rows, col : col + cols] = label
    masks = labels == np.arange(1, _NUM_BOXES + 1)[:, None, None]
    return torch.from_numpy(heights[labels].astype(np.float32)), torch.from_numpy(masks)


class ScoreThreshold(torch.nn.Module):
    """The score above which a grasp is worth a try: calibrated once, and part of the weights.

    Args:
        value: At first.
    """

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value), requires_grad=False)


def _make_grasp_net(network: NetworkConfig) -> torch.nn.Module:
    """Return a network from scaled heights (B, 1, H, W) to logits of the yaws (B, n, H, W)."""
    if network.kind == "plain":
        channels = network.grasp_fields
        return PlainUNet(
            channels, network.is_stem_pooled, num_logits=network.num_yaws, is_copy=True
        )
    order = network.group_order
    return OrientationUNet(
        scalars(order, 1),
        yaw_type(order, network.num_yaws),
        network.grasp_fields,
        network.is_stem_pooled,
    )


def _make_critic(network: NetworkConfig) -> torch.nn.Module:
    """Return a network from crops (B, 4, C, C) to one logit each, (B,)."""
    if network.kind == "plain":
        return PlainCritic(_CRITIC_CHANNELS, network.critic_fields)
    return EquivariantCritic(network.group_order, _CRITIC_CHANNELS, network.critic_fields)


def _make_push_net(network: NetworkConfig) -> torch.nn.Module:
    """Return a network from scaled heights and target (B, 2, C, C), and masks, to (B, n, C, C)."""
    order = 1 if network.kind == "plain" else network.group_order
    return PushUNet(
        order,
        network.num_directions,
        network.push_fields,
        network.node_fields,
        network.fusion_fields,
        network.attention_heads,
        network.attention_threshold / PIXEL_SIZE,
        network.is_stem_pooled,
        network.graph == "all",
    )
