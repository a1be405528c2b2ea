"""Whether convolutions are worked out in bfloat16."""

from typing import Any, Literal

import torch

Precision = Literal["float32", "bfloat16", "auto"]


def is_half_precision(precision: Precision, device: torch.device) -> bool:
    """Return whether a step is taken in bfloat16; `auto`: where the device multiplies it natively.

    Elsewhere bfloat16 is emulated, which is slower than float32.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def in_precision(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which a network on a device is worked out in a precision; its weights stay float32."""
    return torch.autocast(device.type, torch.bfloat16, is_half_precision(precision, device))


def forward(
    network: torch.nn.Module, precision: Precision, x: torch.Tensor, *more: Any
) -> torch.Tensor:
    """Return what a network makes of its inputs, float32 whatever its convolutions are worked out in.

    Args:
        network: Its weights stay float32.
        precision: See `is_half_precision`.
        x: First input; it says on which device.
        more: The others.
    """
    with in_precision(precision, x.device):
        return torch.as_tensor(network(x, *more)).float()
