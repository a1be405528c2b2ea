"""Logits of a map's pixels, of which only those that are asked for are worked out."""

from typing import Protocol

import torch

from equigrasp.networks.equivariant_unet import EquivariantUNet
from equigrasp.networks.steerable_blocks import upsample

_FULL_REACH = 3  # pixels that a logit sees about it at full resolution, see `EquivariantUNet`
_HALF_REACH = 2  # the same at half resolution
_MIN_BORDER = 10  # pixels nearer to the map's border would see beyond it


class LogitMap(Protocol):
    """Logits of {failure, success}, or values, of the pixels of a batch of maps (B, C, S, S)."""

    def inner(self, border: int) -> torch.Tensor:
        """Return those of all pixels but `border` on each side, shape (B, C, A, A)."""
        ...

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        """Return those of K pixels of each map, rows and columns (B, K), shape (B, C, K)."""
        ...


def logit_map(network: torch.nn.Module, heightmaps: torch.Tensor, min_border: int) -> LogitMap:
    """Start a network on heightmaps.

    Args:
        network: From (B, 1, S, S) to (B, C, S, S).
        heightmaps: Shape (B, 1, S, S) [m].
        min_border: No pixel nearer to the border will be asked for.
    """
    if isinstance(network, EquivariantUNet) and network.num_poolings > 1:
        if min_border >= _MIN_BORDER:
            return PartialLogits(network, heightmaps)
    return DenseLogits(network(heightmaps))


class DenseLogits:
    """All logits, worked out already."""

    def __init__(self, logits: torch.Tensor) -> None:
        self._logits = logits

    def inner(self, border: int) -> torch.Tensor:
        """See `LogitMap`."""
        return self._logits[:, :, border : -border or None, border : -border or None]

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        """See `LogitMap`."""
        samples = torch.arange(len(rows), device=rows.device)[:, None]
        return self._logits[samples, :, rows, cols].transpose(1, 2)


class PartialLogits:
    """The last two scales of a U-Net, most of its work, done in windows about what is asked for.

    The values are those of the whole map, since a window holds all that they depend on.
    """

    def __init__(self, network: EquivariantUNet, heightmaps: torch.Tensor) -> None:
        self._network = network
        self._half, self._full = network.features(heightmaps)

    def inner(self, border: int) -> torch.Tensor:
        """See `LogitMap`."""
        size = self._full.shape[-1]
        low = (border - _FULL_REACH) // 2 * 2  # on a cell of half resolution
        # One more cell of half resolution, because upsampling looks at neighbours.
        outer = low // 2 - 1 - _HALF_REACH
        half = self._half[:, :, outer : size // 2 - outer, outer : size // 2 - outer]
        refined = upsample(_trim(self._network.refine(half), _HALF_REACH))
        full = self._full[:, :, low : size - low, low : size - low]
        return _trim(self._network.logits(_trim(refined, 2), full), border - low)

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        """See `LogitMap`."""
        count, per_map = rows.shape
        samples = torch.arange(count, device=rows.device).repeat_interleave(per_map)
        rows, cols = rows.flatten(), cols.flatten()
        reach = (_FULL_REACH + 1) // 2  # at half resolution
        half = _windows(self._half, samples, rows // 2, cols // 2, reach + _HALF_REACH)
        refined = upsample(_trim(self._network.refine(half), _HALF_REACH))
        windows = torch.arange(len(samples), device=rows.device)
        centres = (2 * reach + rows % 2, 2 * reach + cols % 2)
        refined = _windows(refined, windows, *centres, _FULL_REACH)
        full = _windows(self._full, samples, rows, cols, _FULL_REACH)
        logits = self._network.logits(refined, full)[:, :, _FULL_REACH, _FULL_REACH]
        return logits.view(count, per_map, -1).transpose(1, 2)


def _trim(x: torch.Tensor, margin: int) -> torch.Tensor:
    return x[:, :, margin:-margin, margin:-margin]


def _windows(
    maps: torch.Tensor, samples: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, reach: int
) -> torch.Tensor:
    """Cut squares about pixels (K,) of maps (B, C, H, W), shape (K, C, 2 reach + 1, the same)."""
    offsets = torch.arange(-reach, reach + 1, device=rows.device)
    window_rows, window_cols = rows[:, None] + offsets, cols[:, None] + offsets
    last = maps.permute(0, 2, 3, 1)
    cut = last[samples[:, None, None], window_rows[:, :, None], window_cols[:, None, :]]
    return cut.permute(0, 3, 1, 2)
