"""Convolutions between regular fields by their irreps, with an eighth of the arithmetic or less.

See `irrep_basis` for the form. It is worked out a chunk of the maps at a time, so that what lies
between the steps stays in the cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import conv2d

from equigrasp.networks.irrep_basis import Features, IrrepBasis

_CHUNK_BYTES = 2**21  # of input worked on at once


def irrep_convolution(
    x: torch.Tensor,
    matrices: Sequence[torch.Tensor],
    bias: torch.Tensor,
    basis: IrrepBasis,
    sizes: tuple[int, ...],
) -> tuple[torch.Tensor, ...]:
    """Convolve regular fields by one or several layers, zero-padded to equal size.

    Channels are ordered by [component, field].

    Args:
        x: Shape (B, n * num_in, H, W).
        matrices: Of `IrrepBasis.matrices`, those of the layers side by side: of each block shape
            (outputs, M, features * num_in).
        bias: Of the output fields of each layer, shape (M,).
        basis: The basis.
        sizes: Output fields of each layer, M together.

    Returns:
        For each layer shape (B, n * num_out, H, W), channels last.
    """
    cast = [m.to(x.dtype) for m in matrices]
    return _Convolution.apply(x, bias.to(x.dtype), basis, sizes, *cast)  # type: ignore[no-any-return,no-untyped-call]


class _Convolution(torch.autograd.Function):
    """Keeps its input alone for the backward pass; the features are computed again there."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        bias: torch.Tensor,
        basis: IrrepBasis,
        sizes: tuple[int, ...],
        *matrices: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(x, *matrices)
        ctx.basis, ctx.sizes = basis, sizes
        x = _channels_last(x)
        n, total = len(basis.transform), sum(sizes)
        inverse = basis.transform.T.to(x.dtype)
        results = [x.new_empty(*x.shape[:3], n * size) for size in sizes]
        for chunk in _chunks(x, basis):
            features = _features(x, chunk, basis)
            count = len(features[0])
            outputs = x.new_empty(count, n * total)
            for feature, (block, place) in zip(features, _places(basis, total), strict=True):
                torch.mm(feature, matrices[block].flatten(0, 1).T, out=outputs[:, place])
            outputs = outputs.view(count, n, total)
            outputs[:, 0] += bias * n**0.5  # the trivial irrep is the first
            for y, part in zip(results, outputs.split(sizes, 2), strict=True):
                target = y[chunk.images, chunk.rows].view(part.shape)
                torch.bmm(inverse.expand(count, n, n), part, out=target)
        return tuple(y.permute(0, 3, 1, 2) for y in results)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, *matrices = ctx.saved_tensors
        basis: IrrepBasis = ctx.basis
        n, total = len(basis.transform), sum(ctx.sizes)
        x, gradients = _channels_last(x), tuple(_channels_last(g) for g in gradients)
        transform = basis.transform.to(x.dtype)
        # Sums over chunks are float32 at every precision.
        dx = torch.zeros_like(x)
        d_matrices = [torch.zeros_like(m, dtype=torch.float32) for m in matrices]
        for chunk in _chunks(x, basis):
            features = _features(x, chunk, basis)
            count = len(features[0])
            parts = [g[chunk.images, chunk.rows].view(count, n, -1) for g in gradients]
            joined = parts[0] if len(parts) == 1 else torch.cat(parts, 2)
            d_outputs = torch.bmm(transform.expand(count, n, n), joined).flatten(1)
            d_features = []
            for feature, (block, place) in zip(features, _places(basis, total), strict=True):
                d_outputs_here = d_outputs[:, place]
                d_matrices[block].flatten(0, 1).add_(d_outputs_here.T @ feature)
                d_features.append(d_outputs_here @ matrices[block].flatten(0, 1))
            _add_features_backward_in_place(dx, d_features, chunk, basis)
        sums = [g.unflatten(3, (n, -1)).sum((0, 1, 2, 3), dtype=torch.float32) for g in gradients]
        found = [d.to(x.dtype) for d in d_matrices]
        return dx.permute(0, 3, 1, 2), torch.cat(sums).to(x.dtype), None, None, *found


@dataclass(frozen=True)
class _Chunk:
    """Several images, or a strip of one.

    Args:
        images: Which images.
        rows: Which rows are worked out.
        source: The rows that these depend on.
        place: Where those lie in the strip and its margin, which is zero beyond the image.
        padding: Of convolutions, above and below; whole images have no margin but this.
    """

    images: slice
    rows: slice
    source: slice
    place: slice
    padding: int


def _chunks(x: torch.Tensor, basis: IrrepBasis) -> Iterator[_Chunk]:
    """Divide maps, (B, H, W, C), into chunks that fit the cache."""
    count, height = x.shape[:2]
    pad = basis.patterns.shape[-1] // 2
    budget = max(1, _CHUNK_BYTES // (x[0, 0].numel() * x.element_size()))  # rows
    num_images, num_rows = max(1, budget // height), min(height, max(8, budget))
    for first in range(0, count, num_images):
        images = slice(first, min(first + num_images, count))
        if num_rows == height:
            rows = slice(0, height)
            yield _Chunk(images, rows, rows, rows, pad)
            continue
        for start in range(0, height, num_rows):
            stop = min(start + num_rows, height)
            low, high = max(start - pad, 0), min(stop + pad, height)
            place = slice(low - start + pad, high - start + pad)
            yield _Chunk(images, slice(start, stop), slice(low, high), place, 0)


def _places(basis: IrrepBasis, num_fields: int) -> Iterator[tuple[int, slice]]:
    """Yield for each row of each block which block it is and which channels it puts out."""
    start = 0
    for number, block in enumerate(basis.blocks):
        for _ in block.rows:
            stop = start + block.num_outputs * num_fields
            yield number, slice(start, stop)
            start = stop


def _features(x: torch.Tensor, chunk: _Chunk, basis: IrrepBasis) -> list[torch.Tensor]:
    """Return the features of each row of each block, shape (N, features * fields)."""
    n, pad = len(basis.transform), basis.patterns.shape[-1] // 2
    strip = x[chunk.images, chunk.source]
    count, _, width, channels = strip.shape
    fields = strip.reshape(-1, n, channels // n)
    height = chunk.rows.stop - chunk.rows.start + 2 * (pad - chunk.padding)
    maps = x.new_empty(count, height, width, channels)
    maps[:, : chunk.place.start], maps[:, chunk.place.stop :] = 0.0, 0.0
    transform = basis.transform.to(x.dtype).expand(len(fields), n, n)
    torch.bmm(transform, fields, out=maps[:, chunk.place].view(fields.shape))
    found = []
    for pattern in basis.patterns.to(x.dtype):
        kernel = pattern.expand(channels, 1, -1, -1)
        y = conv2d(maps.permute(0, 3, 1, 2), kernel, None, 1, (chunk.padding, pad), 1, channels)
        found.append(_channels_last(y).view(-1, n, channels // n))
    features = []
    for block in basis.blocks:
        for row in block.rows:
            joined = x.new_empty(len(found[0]), block.num_features, channels // n)
            for some in row:
                _combine(found, some, joined[:, some.place])
            features.append(joined.flatten(1))
    return features


def _combine(found: list[torch.Tensor], features: Features, out: torch.Tensor) -> None:
    """Sum up patterns of components."""
    (first, factor), *others = (
        (found[pattern][:, component : component + features.count], factor)
        for pattern, component, factor in features.terms
    )
    if others and factor == 1.0:
        part, factor = others.pop(0)
        torch.add(first, part, alpha=factor, out=out)
    else:
        torch.mul(first, factor, out=out)
    for part, factor in others:
        out.add_(part, alpha=factor)


def _add_features_backward_in_place(
    dx: torch.Tensor, gradients: list[torch.Tensor], chunk: _Chunk, basis: IrrepBasis
) -> None:
    """Add the gradient of `_features` to that of its input."""
    n, pad = len(basis.transform), basis.patterns.shape[-1] // 2
    strip = dx[chunk.images, chunk.source]
    count, _, width, channels = strip.shape
    height = chunk.rows.stop - chunk.rows.start
    found = [dx.new_zeros(count * height * width, n, channels // n) for _ in basis.patterns]
    rows = [row for block in basis.blocks for row in block.rows]
    for gradient, row in zip(gradients, rows, strict=True):
        joined = gradient.view(len(gradient), -1, channels // n)
        for some in row:
            for pattern, component, factor in some.terms:
                part = found[pattern][:, component : component + some.count]
                part.add_(joined[:, some.place], alpha=factor)
    padding = (2 * pad - chunk.padding, pad)
    maps = dx.new_zeros(count, height + 2 * (pad - chunk.padding), width, channels)
    for gradient, pattern in zip(found, basis.patterns.to(dx.dtype), strict=True):
        kernel = pattern.flip(0, 1).expand(channels, 1, -1, -1)
        gradient = gradient.view(count, height, width, channels).permute(0, 3, 1, 2)
        maps += conv2d(gradient, kernel, None, 1, padding, 1, channels).permute(0, 2, 3, 1)
    fields = maps[:, chunk.place].reshape(-1, n, channels // n)
    inverse = basis.transform.T.to(dx.dtype).expand(len(fields), n, n)
    strip += torch.bmm(inverse, fields).view(strip.shape)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """Return (B, C, H, W) as contiguous (B, H, W, C)."""
    return x.permute(0, 2, 3, 1).contiguous()
