"""GraspNet and CriticNet of one configuration."""

import torch

from equigrasp.methods.push_grasp.config import NetworkConfig, PushGraspConfig
from equigrasp.networks.equivariant_critic import EquivariantCritic
from equigrasp.networks.orientation_unet import OrientationUNet, scalars, yaw_type
from equigrasp.networks.plain_critic import PlainCritic
from equigrasp.networks.plain_unet import PlainUNet
from equigrasp.seeding import Stream, derive_seed

GRASP, CRITIC = "grasp", "critic"
_CRITIC_CHANNELS = 4  # heights, target, all objects, grasp picture


def make_networks(config: PushGraspConfig, seed: int) -> dict[str, torch.nn.Module]:
    """Build the networks with weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, Stream.NETWORKS))
        return {GRASP: _make_grasp_net(config.network), CRITIC: _make_critic(config.network)}


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
