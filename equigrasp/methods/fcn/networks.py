"""The two networks that value all pixels and yaws of a heightmap."""

import math

import torch
from torch.nn.functional import affine_grid, grid_sample, pad

from equigrasp.methods.fcn.config import FcnConfig
from equigrasp.networks.plain_unet import PlainUNet
from equigrasp.seeding import Stream, derive_seed


class ChannelFcn(torch.nn.Module):
    """FCN (Satish et al., 2019): each yaw has output maps of its own.

    Args:
        unet: Has C * n output maps.
        num_rotations: n.
    """

    def __init__(self, unet: PlainUNet, num_rotations: int) -> None:
        super().__init__()
        self.unet = unet
        self.num_rotations = num_rotations

    def forward(self, heightmaps: torch.Tensor) -> torch.Tensor:
        """Return the logits of all grasps.

        Args:
            heightmaps: Shape (B, 1, S, S) [m].

        Returns:
            Shape (B, C, n, S, S).
        """
        maps = self.unet(heightmaps)  # (B, C n, S, S)
        return maps.unflatten(1, (-1, self.num_rotations))  # type: ignore[no-any-return]

    def at_yaws(self, heightmaps: torch.Tensor, rotation_bins: torch.Tensor) -> torch.Tensor:
        """Return the logits of one yaw each.

        Args:
            heightmaps: Shape (B, 1, S, S) [m].
            rotation_bins: Shape (B,), int64.

        Returns:
            Shape (B, C, S, S).
        """
        return self(heightmaps)[torch.arange(len(heightmaps)), :, rotation_bins]  # type: ignore[no-any-return]


class TurningFcn(torch.nn.Module):
    """Rot-FCN (Zeng et al., 2018): what is seen is turned so that the fingers open along rows.

    The heightmap is padded with floor, so that no turn loses a corner.

    Args:
        unet: Has C output maps.
        num_rotations: n.
    """

    def __init__(self, unet: PlainUNet, num_rotations: int) -> None:
        super().__init__()
        self.unet = unet
        self.num_rotations = num_rotations

    def forward(self, heightmaps: torch.Tensor) -> torch.Tensor:
        """Return the logits of all grasps; see `ChannelFcn.forward`."""
        n = self.num_rotations
        bins = torch.arange(n, device=heightmaps.device).repeat(len(heightmaps))
        maps = self.at_yaws(heightmaps.repeat_interleave(n, 0), bins)  # (B n, C, S, S)
        return maps.unflatten(0, (-1, n)).transpose(1, 2)

    def at_yaws(self, heightmaps: torch.Tensor, rotation_bins: torch.Tensor) -> torch.Tensor:
        """Return the logits of one yaw each; see `ChannelFcn.at_yaws`."""
        size, step = heightmaps.shape[-1], 2**self.unet.num_poolings
        padded = math.ceil(size * math.sqrt(2.0) / step) * step  # 128 to 192, as published
        border = (padded - size) // 2
        angles = rotation_bins * (math.pi / self.num_rotations)
        turned = turn_maps(pad(heightmaps, [border] * 4), -angles)
        maps = turn_maps(self.unet(turned), angles)
        inner = slice(border, border + size)
        return maps[:, :, inner, inner]


def turn_maps(maps: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Turn maps about their centres as yaw does, with linear interpolation; zeros come in.

    Args:
        maps: Shape (B, C, S, S).
        angles: Shape (B,) [rad]; pi / 2 equals `torch.rot90`.

    Returns:
        Shape (B, C, S, S).
    """
    cos, sin, zero = torch.cos(angles), torch.sin(angles), torch.zeros_like(angles)
    inverse = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    grid = affine_grid(inverse, list(maps.shape), align_corners=False)  # (B, S, S, 2)
    return grid_sample(maps, grid, align_corners=False)


def make_networks(config: FcnConfig, seed: int) -> dict[str, torch.nn.Module]:
    """Build the network `q` with weights that depend on the seed alone."""
    network = config.network
    n, is_turning = network.num_rotations, network.yaws == "turned_inputs"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, Stream.NETWORKS))
        unet = PlainUNet(
            network.channels,
            network.is_stem_pooled,
            network.input_scale,
            network.num_logits * (1 if is_turning else n),
        )
    return {"q": TurningFcn(unet, n) if is_turning else ChannelFcn(unet, n)}
