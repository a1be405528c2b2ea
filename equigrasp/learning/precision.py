"""Whether convolutions are worked out in bfloat16."""

from typing import Literal

import torch


def is_half_precision(
    precision: Literal["float32", "bfloat16", "auto"], device: torch.device
) -> bool:
    """Return whether a step is taken in bfloat16; `auto`: where the device multiplies it natively.

    Elsewhere bfloat16 is emulated, which is slower than float32.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
