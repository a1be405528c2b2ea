"""The critic without symmetry: a plain copy of `EquivariantCritic`, a channel for each field."""

import torch
from torch.nn.functional import max_pool2d

from equigrasp.networks.plain_blocks import PlainResidualBlock, fill_weights_in_place

_HIDDEN = 32


class PlainCritic(torch.nn.Module):
    """Residual blocks, each followed by a pooling, then the mean over the map.

    Args:
        in_channels: Maps of the input.
        channels: Of the stem and of each block.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(in_channels, channels[0], 5, padding=2)
        self.blocks = torch.nn.ModuleList(
            PlainResidualBlock(a, b, kernel_size=3, skip_kernel_size=3, has_bias=True)
            for a, b in zip(channels[:-1], channels[1:], strict=True)
        )
        self.head = torch.nn.Sequential(
            torch.nn.Linear(channels[-1], _HIDDEN), torch.nn.ReLU(), torch.nn.Linear(_HIDDEN, 1)
        )
        fill_weights_in_place(self, torch.nn.init.kaiming_normal_)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return one logit each, shape (B,), of an input (B, C, H, W)."""
        x = max_pool2d(torch.relu(self.stem(x)), 2)
        for block in self.blocks:
            x = max_pool2d(block(x), 2)
        return self.head(x.mean((2, 3)))[:, 0]  # type: ignore[no-any-return]
