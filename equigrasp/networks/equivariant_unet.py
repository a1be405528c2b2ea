"""q1: a D4-equivariant U-Net from a heightmap to a map of success probabilities."""

import torch

from equigrasp.networks.steerable_blocks import (
    ResidualBlock,
    convolution,
    dihedral,
    enn,
    regular,
    trivial,
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
        self._space = dihedral(_GROUP_ROTATIONS)
        types = [regular(self._space, n) for n in fields]
        self.input_type = trivial(self._space, 1)
        self.stem = convolution(self.input_type, types[0], 3, 1)
        self.stem_relu = enn.ReLU(types[0])
        first = None if is_stem_pooled else ResidualBlock(types[0], types[0], 3)
        self.full_resolution = first
        self.down = torch.nn.ModuleList(
            ResidualBlock(a, b, 3) for a, b in zip(types[:-1], types[1:], strict=True)
        )
        self.pools = torch.nn.ModuleList(enn.PointwiseMaxPool2D(t, 2) for t in types[:-1])
        self.up, self.upsamplings = torch.nn.ModuleList(), torch.nn.ModuleList()
        below = types[-1]
        for i in range(len(types) - 2, -1, -1):
            self.upsamplings.append(enn.R2Upsampling(below, 2, align_corners=False))
            if i == 0 and is_stem_pooled:
                below = below + types[0]
                break
            out = types[max(i - 1, 0)]
            self.up.append(ResidualBlock(below + types[i], out, 3))
            below = out
        hidden = trivial(self._space, _HEAD_FIELDS)
        self.head = convolution(below, hidden, 3, 1)
        self.head_relu = enn.ReLU(hidden)
        self.output = convolution(hidden, trivial(self._space, num_logits), 1, 0)

    def forward(self, heightmap: torch.Tensor) -> torch.Tensor:
        """Return the logits of each pixel, of {failure, success} where there are two.

        Args:
            heightmap: Shape (B, 1, H, W) [m]; H and W divide by 2 ** `num_poolings`.

        Returns:
            Shape (B, `num_logits`, H, W).
        """
        scaled = heightmap * self.input_scale
        x = self.stem_relu(self.stem(enn.GeometricTensor(scaled, self.input_type)))
        if self.full_resolution is not None:
            x = self.full_resolution(x)
        skips = []
        for pool, block in zip(self.pools, self.down, strict=True):
            skips.append(x)
            x = block(pool(x))  # (B, 8 f, H / 2, W / 2)
        for i, upsampling in enumerate(self.upsamplings):
            x = enn.tensor_directsum([upsampling(x), skips.pop()])
            if i < len(self.up):
                x = self.up[i](x)
        return self.output(self.head_relu(self.head(x))).tensor  # type: ignore[no-any-return]
