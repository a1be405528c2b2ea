"""Timing of things side by side."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

Work = Callable[[], Any]


@dataclass(frozen=True)
class Comparison:
    """Ours and what it is measured against, in the same unit.

    Args:
        name: What was measured.
        unit: Of both numbers.
        ours: Median of ours.
        reference: Median of the other.
        reference_name: What the other is.
        is_more_better: Attempts per second and the like, not times and memory.
    """

    name: str
    unit: str
    ours: float
    reference: float
    reference_name: str
    is_more_better: bool = False

    @property
    def ratio(self) -> float:
        """How many times better ours is."""
        ratio = self.reference / self.ours
        return 1.0 / ratio if self.is_more_better else ratio


def alternate(works: list[Work], repeats: int, warm_up: bool = True) -> list[float]:
    """Return the median time of each piece of work, done in turn so that all meet the same load [s]."""
    times: list[list[float]] = [[] for _ in works]
    for number in range(repeats + warm_up):
        for work, found in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            if number >= warm_up:
                found.append(time.perf_counter() - began)
    return [float(np.median(t)) for t in times]


def count_multiplications(work: Work) -> float:
    """Return the multiply-adds of the convolutions and matrix products in a piece of work."""
    with _FlopCounter() as counter:  # type: ignore[no-untyped-call]
        work()
    return counter.flops / 2.0


class _FlopCounter(TorchDispatchMode):
    """torch's own `FlopCounterMode` also follows modules, and fails where they run without gradient."""

    flops = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        count = flop_registry.get(func._overloadpacket)
        if count is None:
            with self:  # conv2d arrives whole in inference mode, and its parts are what is known
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        result = func(*args, **(kwargs or {}))
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=result)
        return result


def matrix_rates(is_half: bool = False, repeats: int = 5) -> dict[str, float]:
    """Return multiply-adds per second of a large matrix product and of a convolution of q1's.

    Args:
        is_half: In bfloat16 instead of float32.
        repeats: Measurements, of which the median counts.
    """
    dtype = torch.bfloat16 if is_half else torch.float32
    a = torch.randn(2048, 2048).to(dtype)
    product = torch.empty_like(a)
    maps = torch.randn(1, 128, 128, 128).to(dtype).contiguous(memory_format=torch.channels_last)
    filters = torch.randn(128, 128, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)

    def convolve() -> None:
        with torch.inference_mode():
            torch.nn.functional.conv2d(maps, filters, padding=1)

    seconds = alternate([lambda: torch.mm(a, a, out=product), convolve], repeats)
    work = (2048.0**3, 9.0 * 128**4)
    names = ("bfloat16 product", "bfloat16 convolution") if is_half else ("sgemm", "convolution")
    return {name: n / time for name, n, time in zip(names, work, seconds, strict=True)}
