"""Batch normalisation whose statistics are weights: what saves, loads and publishes weights carries them."""

import torch
from torch.nn.functional import batch_norm

_EPSILON = 1e-3


class StatisticsNorm(torch.nn.Module):
    """Normalises by the batch while it trains, else by running statistics.

    PyTorch keeps these as buffers; here they are parameters that no gradient moves.

    Args:
        channels: Of the input, axis 1.
        momentum: Share by which a batch moves the statistics.
        has_scale: Whether a factor is learned beside the offset.
    """

    def __init__(self, channels: int, momentum: float, has_scale: bool = True) -> None:
        super().__init__()
        self._momentum = momentum
        self.offset = torch.nn.Parameter(torch.zeros(channels))
        self.scale = torch.nn.Parameter(torch.ones(channels)) if has_scale else None
        self.mean = torch.nn.Parameter(torch.zeros(channels), requires_grad=False)
        self.variance = torch.nn.Parameter(torch.ones(channels), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (B, C, ...) normalised."""
        return batch_norm(
            x,
            self.mean,
            self.variance,
            self.scale,
            self.offset,
            self.training,
            self._momentum,
            _EPSILON,
        )
