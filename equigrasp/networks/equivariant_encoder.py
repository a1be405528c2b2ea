"""q2: from a heightmap patch to the success probability of each grasp yaw, over C2n/C2."""

import torch
from torch.nn.functional import max_pool2d

from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.steerable_blocks import (
    ResidualBlock,
    convolution,
    cyclic,
    regular,
    trivial,
)


class EquivariantEncoder(torch.nn.Module):
    """Values of the n yaws in [0, pi); turning the patch by one bin shifts them by one.

    Hidden features are regular fields of C2n; only the output is of the quotient C2n/C2, because
    a parallel gripper turned by pi is the same gripper (paper, section 5.1).

    Args:
        fields: Numbers of regular fields of the four stages.
        kernel_sizes: Kernel sizes of the three residual blocks.
        num_rotations: n.
        is_stem_pooled: Pool after the first layer too (compact size).
        input_scale: Heights are multiplied by it [1/m].
        num_logits: Outputs a yaw.
    """

    patch_size_px = 32

    def __init__(
        self,
        fields: tuple[int, int, int, int],
        kernel_sizes: tuple[int, int, int],
        num_rotations: int,
        is_stem_pooled: bool = False,
        input_scale: float = 1.0,
        num_logits: int = 2,
    ) -> None:
        super().__init__()
        self.input_scale = input_scale
        self.num_rotations = num_rotations
        space = cyclic(2 * num_rotations)
        types = [regular(space, n) for n in fields]
        self.is_stem_pooled = is_stem_pooled
        self.stem = convolution(trivial(space, 1), types[0], 7, 3)
        self.blocks = torch.nn.ModuleList(
            ResidualBlock(a, b, k)
            for a, b, k in zip(types[:-1], types[1:], kernel_sizes, strict=True)
        )
        quotient = enn.FieldType(space, [space.quotient_repr(2)] * num_logits)
        self.output = convolution(types[-1], quotient, 4, 0)

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        """Return the logits of each yaw, of {failure, success} where there are two.

        Args:
            patch: Shape (B, 1, 32, 32), heights less their reference [m].

        Returns:
            Shape (B, `num_logits`, n).
        """
        x = torch.relu(self.stem(patch * self.input_scale))
        if self.is_stem_pooled:
            x = max_pool2d(x, 2)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i < 2 or not self.is_stem_pooled:  # 4 x 4 features remain
                x = max_pool2d(x, 2)
        logits = self.output(x)  # (B, C n, 1, 1)
        return logits.reshape(len(patch), -1, self.num_rotations)  # type: ignore[no-any-return]
