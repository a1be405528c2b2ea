"""Convolutions between regular fields with a third of the arithmetic, by their half-turn symmetry.

Turning a map by pi pairs the components of a regular field. Take their sum (the even part) and
their difference (the odd part): a steerable filter then joins parts of equal parity by functions
of the offset that are even, and parts of unequal parity by odd ones. Band-limited filters are
combinations of few such functions, here called patterns: 6 for 3 x 3 filters, 11 for 5 x 5. So a
convolution is each pattern applied to each channel, which is cheap, and one product of matrices
with 6 / 2 (11 / 2) numbers where the plain filter has 9 (25). Nothing is approximated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import conv2d

_CHUNK_BYTES = 2**20  # of input worked on at once, so that its patterns stay in the cache
_MIN_IMAGES = 16  # below, torch takes a slower routine for 1 x 1 convolutions in one thread


@dataclass(frozen=True, eq=False)
class HalfTurnBasis:
    """A basis of filters between two regular fields, resolved into patterns.

    Args:
        pairs: Component order of a field: (a, 2, b), the middle index changed by a half turn.
        patterns: Functions of the offset, even ones first, shape (F, 1, k, k).
        num_even: How many are even.
        coefficients: From the free weights of a pair of fields to matrices between their parts,
            shape (dim, 2 * F * (a b) ** 2), by [output parity, output, pattern, input].
    """

    pairs: tuple[int, int, int]
    patterns: torch.Tensor
    num_even: int
    coefficients: torch.Tensor

    @property
    def half(self) -> int:
        """Components of one parity."""
        return self.pairs[0] * self.pairs[2]

    def matrices(self, weights: torch.Tensor, num_in: int, num_out: int) -> torch.Tensor:
        """Expand free weights.

        Args:
            weights: Of all pairs of fields, shape (num_out * num_in * dim,).
            num_in: Input fields.
            num_out: Output fields.

        Returns:
            Shape (2, num_out * half, F * num_in * half): to even parts, to odd parts.
        """
        half, count = self.half, len(self.patterns)
        blocks = weights.view(num_out * num_in, -1) @ self.coefficients
        blocks = blocks.view(num_out, num_in, 2, half, count, half).permute(2, 0, 3, 4, 1, 5)
        return blocks.reshape(2, num_out * half, count * num_in * half)


def resolve(basis: torch.Tensor, pairs: tuple[int, int, int]) -> HalfTurnBasis:
    """Resolve filters between two regular fields into patterns.

    Args:
        basis: Shape (dim, n, n, k, k).
        pairs: See `HalfTurnBasis`.
    """
    size = basis.shape[-1]
    split = basis.double().unflatten(2, pairs).unflatten(1, pairs)  # dim, a 2 b, a 2 b, k, k
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    split = torch.einsum("dapbeqfyx,sp,tq->dsabtefyx", split, signs, signs) / 4.0
    span = split.reshape(-1, size, size)
    turned = span.flip(1, 2)
    groups = [_span((span + turned) / 2.0), _span((span - turned) / 2.0)]
    patterns = torch.cat(groups)  # (F, k, k), orthonormal
    coefficients = torch.einsum("dsabtefyx,pyx->dsabtpef", split, patterns)
    coefficients = coefficients.flatten(6, 7).flatten(2, 3)  # d, s, ab, t, p, ef
    even = len(groups[0])
    # Output parity s takes an even pattern of the input's part s, an odd one of the other part.
    chosen = torch.stack(
        [torch.cat([coefficients[:, s, :, s, :even], coefficients[:, s, :, 1 - s, even:]], 2)
         for s in (0, 1)], 1,
    )  # fmt: skip
    return HalfTurnBasis(
        pairs, patterns[:, None].float(), even, chosen.flatten(1).float().contiguous()
    )


def half_turn_convolution(
    x: torch.Tensor,
    matrices: torch.Tensor,
    bias: torch.Tensor,
    basis: HalfTurnBasis,
    sizes: tuple[int, ...],
) -> tuple[torch.Tensor, ...]:
    """Convolve regular fields by one or several layers, zero-padded to equal size.

    Channels are ordered by [component before or after the half turn, field, other components].

    Args:
        x: Shape (B, num_in * n, H, W).
        matrices: Of `HalfTurnBasis.matrices`, those of the layers side by side, shape
            (2, M, F * num_in * n / 2).
        bias: Of half the output channels of each layer, shape (M,).
        basis: The basis.
        sizes: Half the output channels of each layer, M together.

    Returns:
        For each layer shape (B, num_out * n, H, W), channels last.
    """
    matrices, bias = matrices.to(x.dtype), bias.to(x.dtype)
    return _Convolution.apply(x, matrices, bias, basis, sizes)  # type: ignore[no-any-return,no-untyped-call]


class _Convolution(torch.autograd.Function):
    """Keeps its input alone for the backward pass; the patterns are computed again there."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        matrices: torch.Tensor,
        bias: torch.Tensor,
        basis: HalfTurnBasis,
        sizes: tuple[int, ...],
    ) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(x, matrices)
        ctx.basis = basis
        x = _channels_last(x)
        results = [x.new_empty(*x.shape[:3], 2 * half) for half in sizes]
        for images, rows in _chunks(x):
            features = _features(x, images, rows, basis)  # (2, N, F * C / 2)
            shape = *results[0][images, rows].shape[:3], -1
            even = _multiply(features[0], matrices[0], bias).view(shape).split(sizes, -1)
            odd = _multiply(features[1], matrices[1]).view(shape).split(sizes, -1)
            for y, half, a, b in zip(results, sizes, even, odd, strict=True):
                torch.add(a, b, out=y[images, rows, :, :half])
                torch.sub(a, b, out=y[images, rows, :, half:])
        return tuple(y.permute(0, 3, 1, 2) for y in results)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, matrices = ctx.saved_tensors
        basis: HalfTurnBasis = ctx.basis
        x, gradients = _channels_last(x), tuple(_channels_last(g) for g in gradients)
        # Sums over chunks are float32 at every precision.
        dx, d_matrices = torch.zeros_like(x), torch.zeros_like(matrices, dtype=torch.float32)
        d_bias = torch.zeros(matrices.shape[1], device=x.device)
        for images, rows in _chunks(x):
            features = _features(x, images, rows, basis)
            parts = zip(*(_parts(g[images, rows]) for g in gradients), strict=True)
            for s, part in enumerate(parts):
                found = _multiply_backward(torch.cat(part, -1), features[s], matrices[s])
                features[s] = found[0]
                d_matrices[s] += found[1]
                if s == 0:
                    d_bias += found[2]
            _add_features_backward_in_place(dx, features, images, rows, basis)
        return dx.permute(0, 3, 1, 2), d_matrices.to(x.dtype), d_bias.to(x.dtype), None, None


def _parts(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the even and the odd part of (..., C), each (..., C / 2)."""
    first, second = x.chunk(2, -1)
    return first + second, first - second


def _span(functions: torch.Tensor) -> torch.Tensor:
    """Return an orthonormal basis of functions of the offset, shape (., k, k)."""
    _, values, vectors = torch.linalg.svd(functions.flatten(1), full_matrices=False)
    return vectors[values > 1e-5 * values[0]].view(-1, *functions.shape[1:])


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """Return (B, C, H, W) as contiguous (B, H, W, C)."""
    return x.permute(0, 2, 3, 1).contiguous()


def _chunks(x: torch.Tensor) -> Iterator[tuple[slice, slice]]:
    """Yield images and rows that fit the cache: several images, or a strip of one."""
    count, height = x.shape[:2]
    budget = max(1, _CHUNK_BYTES // (x[0, 0].numel() * x.element_size()))  # rows
    num_images, num_rows = max(1, budget // height), min(height, max(8, budget))
    for first in range(0, count, num_images):
        for row in range(0, height, num_rows):
            yield (
                slice(first, min(first + num_images, count)),
                slice(row, min(row + num_rows, height)),
            )


def _features(x: torch.Tensor, images: slice, rows: slice, basis: HalfTurnBasis) -> torch.Tensor:
    """Return the patterns of both parts, by output parity, shape (2, N, F * C / 2)."""
    pad = basis.patterns.shape[-1] // 2
    low, high = max(rows.start - pad, 0), min(rows.stop + pad, x.shape[1])
    first, second = x[images, low:high].chunk(2, -1)
    count, height, (width, half) = len(first), rows.stop - rows.start, first.shape[2:]
    parts = x.new_empty(2, count, height + 2 * pad, width, half)
    top, bottom = low - rows.start + pad, high - rows.start + pad
    parts[:, :, :top], parts[:, :, bottom:] = 0.0, 0.0
    torch.add(first, second, out=parts[0, :, top:bottom])
    torch.sub(first, second, out=parts[1, :, top:bottom])
    maps = parts.flatten(0, 1).permute(0, 3, 1, 2)  # (2 B, C / 2, H, W)
    features = x.new_empty(2, count, height, width, len(basis.patterns), half)
    for f, pattern in enumerate(basis.patterns.to(x.dtype)):
        kernel = pattern.expand(half, 1, -1, -1)
        found = conv2d(maps, kernel, padding=(0, pad), groups=half).permute(0, 2, 3, 1)
        is_odd = int(f >= basis.num_even)  # an odd pattern of one part goes to the other
        for s in (0, 1):
            features[s, ..., f, :] = found.view(2, count, height, width, half)[s ^ is_odd]
    return features.view(2, count * height * width, -1)


def _add_features_backward_in_place(
    dx: torch.Tensor, gradient: torch.Tensor, images: slice, rows: slice, basis: HalfTurnBasis
) -> None:
    """Add the gradient of `_features` to that of its input."""
    pad = basis.patterns.shape[-1] // 2
    low, high = max(rows.start - pad, 0), min(rows.stop + pad, dx.shape[1])
    first, second = dx[images, low:high].chunk(2, -1)
    count, height, (width, half) = len(first), rows.stop - rows.start, first.shape[2:]
    maps = gradient.view(2 * count, height, width, len(basis.patterns), half)
    parts = dx.new_zeros(2, count, height + 2 * pad, width, half)
    for f, pattern in enumerate(basis.patterns.to(dx.dtype)):
        kernel = pattern.flip(1, 2).expand(half, 1, -1, -1)
        channels = maps[..., f, :].permute(0, 3, 1, 2)
        found = conv2d(channels, kernel, padding=(2 * pad, pad), groups=half)
        found = found.permute(0, 2, 3, 1).view(parts.shape)
        is_odd = int(f >= basis.num_even)
        for s in (0, 1):
            parts[s] += found[s ^ is_odd]
    even, odd = parts[:, :, low - rows.start + pad : high - rows.start + pad]
    first += even + odd
    second += even - odd


def _as_images(rows: torch.Tensor) -> torch.Tensor:
    """View (N, K) as images (B, K, N / B, 1), channels last, for 1 x 1 convolutions."""
    count = _MIN_IMAGES if len(rows) % _MIN_IMAGES == 0 else 1
    return rows.view(count, -1, 1, rows.shape[1]).permute(0, 3, 1, 2)


def _multiply(
    rows: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return rows (N, K) times the transpose of a matrix (M, K), shape (N, M).

    A convolution, since torch's matrix product is half as fast on processors that are not Intel's.
    """
    product = conv2d(_as_images(rows), matrix[:, :, None, None], bias)
    return product.permute(0, 2, 3, 1).reshape(len(rows), -1)


def _multiply_backward(
    gradient: torch.Tensor, rows: torch.Tensor, matrix: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of `_multiply` by rows, matrix and bias."""
    d_rows, d_matrix, d_bias = torch.ops.aten.convolution_backward(
        _as_images(gradient.reshape(len(rows), -1)), _as_images(rows), matrix[:, :, None, None],
        [len(matrix)], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, True],
    )  # fmt: skip
    return d_rows.permute(0, 2, 3, 1).reshape(len(rows), -1), d_matrix[:, :, 0, 0], d_bias
