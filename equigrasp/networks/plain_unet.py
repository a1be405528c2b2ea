"""U-Nets without symmetry, from a heightmap to maps of values."""

from functools import partial

import torch

from equigrasp.networks.plain_blocks import PlainResidualBlock, fill_weights_in_place

_HEAD_CHANNELS = 16  # as in EquivariantUNet


class PlainUNet(torch.nn.Module):
    """The residual U-Net of the published baselines, or a plain copy of `EquivariantUNet`.

    The baselines' has 1 × 1 skips, narrows what comes up before it is joined, and starts from
    Xavier's weights without biases. The copy has the layers and the He initialisation of the
    equivariant network, with one channel for each field.

    Args:
        channels: Channels from the finest to the coarsest scale.
        is_stem_pooled: Leave the residual blocks at full resolution out.
        input_scale: Heights are multiplied by it [1/m].
        num_logits: Output maps.
        is_copy: Lay the layers out as `EquivariantUNet` does.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        is_stem_pooled: bool = False,
        input_scale: float = 1.0,
        num_logits: int = 2,
        is_copy: bool = False,
    ) -> None:
        super().__init__()
        block = partial(
            PlainResidualBlock,
            kernel_size=3,
            skip_kernel_size=3 if is_copy else 1,
            has_bias=is_copy,
        )
        self.input_scale = input_scale
        self.num_poolings = len(channels) - 1
        self.stem = torch.nn.Conv2d(1, channels[0], 3, padding=1)
        self.full_resolution = None if is_stem_pooled else block(channels[0], channels[0])
        self.down = torch.nn.ModuleList(
            block(a, b) for a, b in zip(channels[:-1], channels[1:], strict=True)
        )
        self.pool = torch.nn.MaxPool2d(2)
        self.narrow, self.up = torch.nn.ModuleList(), torch.nn.ModuleList()
        below = channels[-1]
        for i in range(len(channels) - 2, -1, -1):
            if not is_copy:
                self.narrow.append(torch.nn.Conv2d(below, channels[i], 1, bias=False))
                below = channels[i]
            below += channels[i]
            if i > 0 or not is_stem_pooled:
                out = channels[max(i - 1, 0)] if is_copy else channels[i]
                self.up.append(block(below, out))
                below = out
        self.upsampling = torch.nn.Upsample(scale_factor=2, mode="bilinear")
        self.head = _head(below, num_logits) if is_copy else torch.nn.Conv2d(below, num_logits, 1)
        rule = torch.nn.init.kaiming_normal_ if is_copy else torch.nn.init.xavier_normal_
        fill_weights_in_place(self, rule)

    def forward(self, heightmap: torch.Tensor) -> torch.Tensor:
        """Return the logits of each pixel.

        Args:
            heightmap: Shape (B, 1, H, W) [m]; H and W divide by 2 ** `num_poolings`.

        Returns:
            Shape (B, `num_logits`, H, W).
        """
        x = torch.relu(self.stem(heightmap * self.input_scale))
        if self.full_resolution is not None:
            x = self.full_resolution(x)
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(self.pool(x))  # (B, c, H / 2, W / 2)
        for i in range(self.num_poolings):
            x = self.narrow[i](x) if self.narrow else x
            x = torch.cat([self.upsampling(x), skips.pop()], 1)
            if i < len(self.up):
                x = self.up[i](x)
        return self.head(x)  # type: ignore[no-any-return]


def _head(in_channels: int, num_logits: int) -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(in_channels, _HEAD_CHANNELS, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(_HEAD_CHANNELS, num_logits, 1),
    )
