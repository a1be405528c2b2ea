"""A steerable U-Net of any group, up to its head."""

import torch
from torch.nn.functional import max_pool2d

from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.steerable_blocks import (
    ResidualBlock,
    convolution,
    join,
    regular,
    upsample,
)


class SteerableUNet(torch.nn.Module):
    """Regular fields at every scale, whose turning follows that of the input.

    Architecture: Figure 9 of "Equivariant grasp learning in real time". With `is_stem_pooled`
    everything but the first and last layers works at half resolution, which is what makes the
    compact size cheap; the symmetry stays exact.

    Args:
        in_type: Fields of the input.
        fields: Numbers of regular fields from the finest to the coarsest scale.
        is_stem_pooled: Leave the residual blocks at full resolution out.
    """

    def __init__(
        self, in_type: "enn.FieldType", fields: tuple[int, ...], is_stem_pooled: bool = False
    ) -> None:
        super().__init__()
        self.num_poolings = len(fields) - 1
        space = in_type.gspace
        self._group_order = int(space.regular_repr.size)
        types = [regular(space, n) for n in fields]
        self.stem = convolution(in_type, types[0], 3, 1)
        first = None if is_stem_pooled else ResidualBlock(types[0], types[0], 3)
        self.full_resolution = first
        self.down = torch.nn.ModuleList(
            ResidualBlock(a, b, 3) for a, b in zip(types[:-1], types[1:], strict=True)
        )
        self.up = torch.nn.ModuleList()
        below = types[-1]
        for i in range(len(types) - 2, -1, -1):
            if i == 0 and is_stem_pooled:
                below = below + types[0]
                break
            out = types[max(i - 1, 0)]
            self.up.append(ResidualBlock(below + types[i], out, 3))
            below = out
        self.out_type = below

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the last two scales start from: at half and at full resolution.

        Args:
            x: Of the input's fields, shape (B, C, H, W); H and W divide by 2 ** `num_poolings`.

        Returns:
            What `refine` takes, shape (B, |G| f, H / 2, W / 2), and what `join` joins to it.
        """
        x = torch.relu(self.stem(x))
        if self.full_resolution is not None:
            x = self.full_resolution(x)
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(max_pool2d(x, 2))  # (B, |G| f, H / 2, W / 2)
        for i in range(self.num_poolings - 1):
            x = self.up[i - 1](x) if i > 0 else x
            x = join(upsample(x), skips.pop(), self._group_order)
        return x, skips.pop()

    def refine(self, half: torch.Tensor) -> torch.Tensor:
        """Work at half resolution; a value sees 2 pixels about it."""
        return self.up[self.num_poolings - 2](half) if self.num_poolings > 1 else half  # type: ignore[no-any-return]

    def join(self, refined: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
        """Return the features at full resolution, of `out_type`, from what lies at both."""
        x = join(refined, full, self._group_order)
        return self.up[-1](x) if len(self.up) == self.num_poolings else x

    def map(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features of `out_type` at full resolution, shape (B, C, H, W)."""
        half, full = self.features(x)
        return self.join(upsample(self.refine(half)), full)
