"""q1: a D4-equivariant U-Net from a heightmap to a map of success probabilities."""

import torch

from equigrasp.networks.steerable_blocks import convolution, dihedral, trivial, upsample
from equigrasp.networks.steerable_unet import SteerableUNet

_GROUP_ROTATIONS = 4  # D4: quarter turns and reflections
_HEAD_FIELDS = 16  # scalar fields before the output, at every size: a few ReLU can all die


class EquivariantUNet(SteerableUNet):
    """Q-map whose turning and mirroring follow those of the heightmap.

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
        space = dihedral(_GROUP_ROTATIONS)
        super().__init__(trivial(space, 1), fields, is_stem_pooled)
        self.input_scale = input_scale
        hidden = trivial(space, _HEAD_FIELDS)
        self.head = convolution(self.out_type, hidden, 3, 1)
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
        return super().features(heightmap * self.input_scale)

    def logits(self, refined: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
        """Work at full resolution; a value sees 3 pixels about it."""
        return self.output(torch.relu(self.head(self.join(refined, full))))  # type: ignore[no-any-return]
