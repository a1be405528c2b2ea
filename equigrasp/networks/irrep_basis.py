"""Steerable filters between two regular fields, resolved into irreps and patterns.

A regular field is a sum of irreps of the group, and filters of few angular frequencies are
combinations of few functions of the offset, here called patterns, which are irreps too: 6 for
3 x 3 filters, 11 for 5 x 5. By Clebsch and Gordan a pattern applied to an irrep of the input is a
sum of irreps, and by Schur's lemma these are joined to equal irreps of the output alone. So a
convolution is each pattern applied to each channel, which is cheap, and a product of matrices for
each irrep: with 72 numbers a pair of fields for D4 and 3 x 3 where plain filters have 576, and 330
for 6400 for C16 and 5 x 5. Nothing is approximated.

Source: Cohen and Welling, "Steerable CNNs", sections 2 and 3; Weiler and Cesa, "General
E(2)-Equivariant Steerable CNNs", section 2 and appendix.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from equigrasp.networks.escnn_modules import enn, gspaces

_TOLERANCE = 1e-6  # of the largest number
_Array = npt.NDArray[np.float64]

_Terms = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class Features:
    """Neighbouring features, each a sum of patterns applied to components of the input.

    Args:
        place: Which of the row's features.
        terms: Of the first feature (pattern, component, factor); the next ones' components follow.
    """

    place: slice
    terms: _Terms

    @property
    def count(self) -> int:
        """How many."""
        return int(self.place.stop - self.place.start)


@dataclass(frozen=True)
class IrrepBlock:
    """An irrep of the output, all its copies.

    Args:
        rows: Of each component that is worked out by the same matrix, the features that are joined.
        num_outputs: Components of the output a row, neighbours in the order of irreps.
    """

    rows: tuple[tuple[Features, ...], ...]
    num_outputs: int

    @property
    def num_features(self) -> int:
        """Features of a row."""
        return int(self.rows[0][-1].place.stop)


@dataclass(frozen=True, eq=False)
class IrrepBasis:
    """A basis of filters between two regular fields of n components.

    Args:
        transform: From the components of a regular field to those of its irreps, orthogonal,
            shape (n, n).
        patterns: Functions of the offset, shape (P, k, k).
        blocks: The irreps; their outputs are the components in the order of `transform`.
        coefficients: From the free weights of a pair of fields to the matrices of the blocks, shape
            (dim, S), by [block, output, feature].
    """

    transform: torch.Tensor
    patterns: torch.Tensor
    blocks: tuple[IrrepBlock, ...]
    coefficients: torch.Tensor

    def matrices(
        self, weights: torch.Tensor, num_in: int, num_out: int
    ) -> tuple[torch.Tensor, ...]:
        """Expand free weights.

        Args:
            weights: Of all pairs of fields, shape (num_out * num_in * dim,).
            num_in: Input fields.
            num_out: Output fields.

        Returns:
            Of each block shape (outputs, num_out, features * num_in).
        """
        expanded = weights.view(num_out * num_in, -1) @ self.coefficients
        sizes = [b.num_outputs * b.num_features for b in self.blocks]
        return tuple(
            part.reshape(num_out, num_in, block.num_outputs, block.num_features)
            .permute(2, 0, 3, 1)
            .reshape(block.num_outputs, num_out, -1)
            for block, part in zip(self.blocks, expanded.split(sizes, 1), strict=True)
        )


@dataclass(frozen=True)
class _Irrep:
    """Copies of an irrep in a regular field; each copy's components, in the order of irreps."""

    copies: tuple[tuple[int, ...], ...]
    is_complex: bool


@lru_cache
def irrep_basis(space: "gspaces.GSpace", kernel_size: int) -> IrrepBasis:
    """Resolve escnn's basis of filters of a kernel size between two regular fields."""
    field = enn.FieldType(space, [space.regular_repr])
    layer = enn.R2Conv(field, field, kernel_size, padding=kernel_size // 2, initialize=False)
    units = torch.eye(layer.basisexpansion.dimension())
    filters = torch.stack([layer.basisexpansion(unit) for unit in units]).double().numpy()
    irreps, transform = _irreps(space)
    filters = np.einsum("ao,doiq,bi->dabq", transform, filters, transform, optimize=True)
    patterns = [copy for irrep in irreps for copy in _patterns(filters, irrep)]
    functions = np.concatenate(patterns)
    joined = filters @ np.linalg.pinv(functions)  # dim, output, input, pattern
    stops = np.cumsum([len(copy) for copy in patterns]).tolist()
    pairs = [
        (source, tuple(range(stop - len(copy), stop)))
        for copy, stop in zip(patterns, stops, strict=True)
        for source in sorted(copy for irrep in irreps for copy in irrep.copies)
    ]
    blocks, coefficients = zip(*(_block(joined, irrep, pairs) for irrep in irreps), strict=True)
    return IrrepBasis(
        _without_noise(transform),
        _without_noise(functions).unflatten(1, (kernel_size, kernel_size)),
        blocks,
        _without_noise(np.concatenate(coefficients, 1)),
    )


def _without_noise(values: _Array) -> torch.Tensor:
    """Return float32 numbers without those that are zero but for rounding.

    As denormal numbers they would make products eighty times slower.
    """
    is_noise = np.abs(values) < _TOLERANCE * np.abs(values).max()
    return torch.tensor(np.where(is_noise, 0.0, values), dtype=torch.float32)


def _irreps(space: "gspaces.GSpace") -> tuple[list[_Irrep], _Array]:
    """Return the irreps of a regular field and the transform to them.

    Components are ordered by [irrep, component, copy], so that what one matrix puts out, all
    copies, are neighbours.
    """
    regular = space.regular_repr
    columns: dict[tuple[int, ...], list[list[int]]] = {}
    start = 0
    for name in regular.irreps:
        size = space.fibergroup.irrep(*name).size
        columns.setdefault(name, []).append(list(range(start, start + size)))
        start += size
    order: list[int] = []
    irreps = []
    for name, copies in columns.items():
        size, first = len(copies[0]), len(order)
        order += [copy[c] for c in range(size) for copy in copies]
        places = [
            tuple(first + c * len(copies) + m for c in range(size)) for m in range(len(copies))
        ]
        is_complex = space.fibergroup.irrep(*name).type == "C"
        irreps.append(_Irrep(tuple(places), is_complex))
    return irreps, np.asarray(regular.change_of_basis, dtype=np.float64)[:, order].T


def _patterns(filters: _Array, irrep: _Irrep) -> list[_Array]:
    """Return the patterns of one irrep: copies of shape (size, k k), each transforming as it does.

    They are what filters from the trivial irrep, the first, to this one consist of.
    """
    limit = _TOLERANCE * np.abs(filters).max()
    found: list[_Array] = []
    span = np.zeros((0, filters.shape[-1] * len(irrep.copies[0])))
    for candidate in filters[:, list(irrep.copies[0]), 0]:
        turned = [candidate]
        if irrep.is_complex:  # a quarter turn of its phase is the same pattern's
            turned.append(np.stack([-candidate[1], candidate[0]]))
        flat = candidate.reshape(-1)
        if len(span):
            flat = flat - np.linalg.lstsq(span.T, flat, rcond=None)[0] @ span
        if np.abs(flat).max() > limit:
            found.append(candidate / np.linalg.norm(candidate) * np.sqrt(len(candidate)))
            span = np.concatenate([span, np.reshape(turned, (len(turned), -1))])
    return found


def _block(
    joined: _Array, irrep: _Irrep, pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]
) -> tuple[IrrepBlock, _Array]:
    """Resolve what is joined to one irrep of the output.

    Args:
        joined: Filters by patterns, shape (dim, n, n, P).
        irrep: The output's.
        pairs: Components of each copy of an irrep in the input, and places of each copy of patterns.

    Returns:
        The block, and the coefficients of its matrix, shape (dim, outputs * features).
    """
    outputs = np.asarray(irrep.copies)  # copy, component
    # A complex irrep's matrices join its two components too; else each component is a row.
    outputs = outputs.reshape(-1, 1) if irrep.is_complex else outputs
    features: list[tuple[_Terms, ...]] = []  # of each row
    coefficients = []
    for source, place in pairs:
        part = joined[:, outputs][:, :, :, source][..., place]  # dim, M, row, component, pattern
        vectors = part.reshape(-1, part[0, 0].size)
        basis = _sparse_basis(vectors)
        if len(basis) == 0:
            continue
        shares = vectors @ np.linalg.pinv(basis)
        coefficients.append(shares.reshape(*part.shape[:2], -1))
        for feature in basis.reshape(-1, *part.shape[2:]):
            features.append(tuple(_terms(row, source, place) for row in feature))
    rows = tuple(_joined([f[row] for f in features]) for row in range(outputs.shape[1]))
    found = np.concatenate(coefficients, 2)
    return IrrepBlock(rows, len(outputs)), found.reshape(len(found), -1)


def _terms(row: _Array, source: tuple[int, ...], place: tuple[int, ...]) -> _Terms:
    terms = [(place[p], source[c], float(row[c, p])) for c, p in np.argwhere(row != 0.0)]
    return tuple(sorted(terms, key=lambda term: -term[2]))


def _joined(features: list[_Terms]) -> tuple[Features, ...]:
    """Join features whose components follow one another."""
    found: list[Features] = []
    for place, terms in enumerate(features):
        last = found[-1] if found else None
        if last and terms == tuple((p, c + last.count, factor) for p, c, factor in last.terms):
            found[-1] = Features(slice(last.place.start, place + 1), last.terms)
        else:
            found.append(Features(slice(place, place + 1), terms))
    return tuple(found)


def _sparse_basis(vectors: _Array) -> _Array:
    """Return a basis of a row space in reduced echelon form, which has the most zeros here."""
    _, values, found = np.linalg.svd(vectors, full_matrices=False)
    rows = found[values > _TOLERANCE * max(1.0, float(values[0]))]
    for i in range(len(rows)):
        column = np.argmax(np.abs(rows[i]) > 0.1)
        rows[i] /= rows[i, column]
        for j in range(len(rows)):
            if j != i:
                rows[j] -= rows[j, column] * rows[i]
    return np.round(rows, 5)  # sums and differences
