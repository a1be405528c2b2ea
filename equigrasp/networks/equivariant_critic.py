"""An invariant network: from maps to one number that no turn of them changes."""

import torch
from torch.nn.functional import max_pool2d

from equigrasp.networks.steerable_blocks import (
    ResidualBlock,
    convolution,
    cyclic,
    regular,
    trivial,
)

_HIDDEN = 32


class EquivariantCritic(torch.nn.Module):
    """Residual blocks over Cn, each followed by a pooling; then the largest over the group.

    Args:
        group_order: n.
        in_channels: Maps of the input.
        fields: Numbers of regular fields of the stem and of each block.
    """

    def __init__(self, group_order: int, in_channels: int, fields: tuple[int, ...]) -> None:
        super().__init__()
        space = cyclic(group_order)
        types = [regular(space, n) for n in fields]
        self._group_order = group_order
        self.stem = convolution(trivial(space, in_channels), types[0], 5, 2)
        self.blocks = torch.nn.ModuleList(
            ResidualBlock(a, b, 3) for a, b in zip(types[:-1], types[1:], strict=True)
        )
        self.head = torch.nn.Sequential(
            torch.nn.Linear(fields[-1], _HIDDEN), torch.nn.ReLU(), torch.nn.Linear(_HIDDEN, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return one logit each, shape (B,), of an input (B, C, H, W)."""
        x = max_pool2d(torch.relu(self.stem(x)), 2)
        for block in self.blocks:
            x = max_pool2d(block(x), 2)
        x = x.unflatten(1, (self._group_order, -1)).amax(1)  # the components of each field
        return self.head(x.mean((2, 3)))[:, 0]  # type: ignore[no-any-return]
