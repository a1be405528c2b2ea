"""Building blocks of networks without symmetry."""

from collections.abc import Callable

import torch

Rule = Callable[[torch.Tensor], torch.Tensor]


class PlainResidualBlock(torch.nn.Module):
    """Conv, ReLU, conv, plus skip, ReLU; the skip is a convolution where the channels change.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Of the two convolutions, odd; the size of the map stays.
        skip_kernel_size: Of the skip's convolution, odd.
        has_bias: Convolutions have one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        skip_kernel_size: int,
        has_bias: bool,
    ) -> None:
        super().__init__()

        def convolution(channels: int, size: int) -> torch.nn.Conv2d:
            return torch.nn.Conv2d(channels, out_channels, size, padding=size // 2, bias=has_bias)

        self.first = convolution(in_channels, kernel_size)
        self.second = convolution(out_channels, kernel_size)
        is_same = in_channels == out_channels
        self.skip = None if is_same else convolution(in_channels, skip_kernel_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        skip = x if self.skip is None else self.skip(x)
        return torch.relu(self.second(torch.relu(self.first(x))) + skip)


def fill_weights_in_place(network: torch.nn.Module, rule: Rule) -> None:
    """Initialise the weights of all layers by a rule of `torch.nn.init`, and biases with 0."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            rule(layer.weight)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
