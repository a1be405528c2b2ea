"""Weights to begin with under which no layer is louder than another (Mishkin and Matas, "All You Need is a Good Init")."""

from typing import Any

import torch

from equigrasp.networks.steerable_blocks import ResidualBlock
from equigrasp.networks.steerable_convolution import SteerableConvolution

_OUTPUT_DEVIATION = 0.3  # of the last layer: logits begin near 0


def equalize(network: torch.nn.Module, *inputs: Any) -> None:
    """Scale every steerable convolution of a new network to unit deviation of what it puts out.

    With few fields the gain of a layer is much a matter of luck. Where coarse scales come out ten times as
    strong as fine ones, a U-Net stays at the loss of a constant for hundreds of steps. A factor for a whole
    layer leaves its symmetry as it is.

    Args:
        network: In training mode, with biases of 0; changes in place.
        inputs: What it is called with, once: a sample of its ordinary input.
    """
    scaled: list[SteerableConvolution] = []

    def scale(layer: SteerableConvolution, y: torch.Tensor) -> torch.Tensor:
        if layer in scaled:
            return y
        scaled.append(layer)
        deviation = y.std().clamp_min(torch.finfo(y.dtype).eps)
        layer.weights.data /= deviation
        return y / deviation

    def enter_block(block: ResidualBlock, given: tuple[torch.Tensor, ...]) -> None:
        for layer in (block.first, block.skip):  # which the block joins, and does not call
            if layer is not None:
                scale(layer, layer(*given))

    handles = []
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            handles.append(module.register_forward_pre_hook(enter_block))
        elif isinstance(module, SteerableConvolution):
            handles.append(module.register_forward_hook(lambda m, _, y: scale(m, y)))
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    if scaled:
        scaled[-1].weights.data *= _OUTPUT_DEVIATION
