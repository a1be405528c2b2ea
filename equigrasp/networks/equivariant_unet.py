"""q1: a D4-equivariant U-Net from a heightmap to a map of success probabilities."""

import torch
from torch.nn.functional import max_pool2d

from equigrasp.networks.steerable_blocks import (
    ResidualBlock,
    convolution,
    dihedral,
    join,
    regular,
    trivial,
    upsample,
)

_GROUP_ROTATIONS = 4  # D4: quarter turns and reflections
_HEAD_FIELDS = 16  # scalar fields before the output, at every size: a few ReLU can all die


class EquivariantUNet(torch.nn.Module):
    """Q-map whose turning and mirroring follow those of the heightmap.

    Architecture: Figure 9 of "Equivariant grasp learning in real time". With `is_stem_pooled`
    everything but the first and last layers works at half resolution, which is what makes the
    compact size cheap; the symmetry stays exact.

    Args:
        fields: Numbers of regular fields from the finest to the coarsest scale.
        is_stem_pooled: Leave the residual blocks at full resolution out.
        input_scale: Heights are multiplied by it [1/m].
        num_logits: Output maps.
    """

    def __init__(
        self,
        fields: tuple[int, ...],
        is_stem_pooled: bool = False,
        input_scale: float = 1.0,
        num_logits: int = 2,
    ) -> None:
        super().__init__()
        self.input_scale = input_scale
        self.num_poolings = len(fields) - 1
        space = dihedral(_GROUP_ROTATIONS)
        types = [regular(space, n) for n in fields]
        self.stem = convolution(trivial(space, 1), types[0], 3, 1)
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
        hidden = trivial(space, _HEAD_FIELDS)
        self.head = convolution(below, hidden, 3, 1)
        self.output = convolution(hidden, trivial(space, num_logits), 1, 0)

    def forward(self, heightmap: torch.Tensor) -> torch.Tensor:
        """Return the logits of each pixel, of {failure, success} where there are two.

        Args:
            heightmap: Shape (B, 1, H, W) [m]; H and W divide by 2 ** `num_poolings`.

        Returns:
            Shape (B, `num_logits`, H, W).
        """
        half, full = self.features(heightmap)
        return self.logits(upsample(self.refine(half)), full)

    def features(self, heightmap: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the last two scales start from: at half and at full resolution.

        Returns:
            What `refine` takes, shape (B, 8 f, H / 2, W / 2), and what `logits` joins to it.
        """
        x = torch.relu(self.stem(heightmap * self.input_scale))
        if self.full_resolution is not None:
            x = self.full_resolution(x)
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(max_pool2d(x, 2))  # (B, 8 f, H / 2, W / 2)
        for i in range(self.num_poolings - 1):
            x = self.up[i - 1](x) if i > 0 else x
            x = join(upsample(x), skips.pop(), 2 * _GROUP_ROTATIONS)
        return x, skips.pop()

    def refine(self, half: torch.Tensor) -> torch.Tensor:
        """Work at half resolution; a value sees 2 pixels about it."""
        return self.up[self.num_poolings - 2](half) if self.num_poolings > 1 else half  # type: ignore[no-any-return]

    def logits(self, refined: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
        """Work at full resolution; a value sees 3 pixels about it."""
        x = join(refined, full, 2 * _GROUP_ROTATIONS)
        x = self.up[-1](x) if len(self.up) == self.num_poolings else x
        return self.output(torch.relu(self.head(x)))  # type: ignore[no-any-return]
