"""The cheaper form of steerable convolutions against escnn's own."""

import pytest
import torch

from equigrasp.networks import irrep_convolution, steerable_convolution
from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.irrep_basis import irrep_basis
from equigrasp.networks.steerable_blocks import cyclic, dihedral, regular, trivial
from equigrasp.networks.steerable_convolution import (
    SteerableConvolution,
    join_filters,
    sharing_filters,
)


def _pair(
    in_type: "enn.FieldType", out_type: "enn.FieldType", size: int
) -> tuple[SteerableConvolution, "enn.R2Conv"]:
    torch.manual_seed(0)
    theirs = enn.R2Conv(in_type, out_type, size, padding=size // 2, initialize=False)
    ours = SteerableConvolution(in_type, out_type, size, padding=size // 2, initialize=False)
    with torch.no_grad():
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            q.normal_()
            p.copy_(q)
    return ours, theirs


def _run(
    layer: torch.nn.Module, x: torch.Tensor, weights: torch.Tensor, is_escnn: bool
) -> list[torch.Tensor]:
    """Return a layer's output and the gradients by input and parameters, in escnn's order."""
    x = x.clone().requires_grad_()
    if is_escnn:
        y = layer(enn.GeometricTensor(x, layer.in_type)).tensor
    else:
        order = steerable_convolution._channel_order
        back = torch.argsort(order(layer.out_type))
        y = layer(x[:, order(layer.in_type)])[:, back]
    (y * weights).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize(
    ("min_size", "chunk_bytes"),
    # by irreps in strips, by images, at once; plain filters
    [(0, 1), (0, 15_000), (0, 2**20), (10**9, 2**20)],
)
@pytest.mark.parametrize(
    ("space", "kernel_size"),
    [(dihedral(4), 3), (dihedral(8), 3), (cyclic(8), 5), (cyclic(16), 3)],
)
def test_outputs_and_gradients_are_those_of_escnn(
    space: object,
    kernel_size: int,
    min_size: int,
    chunk_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(irrep_convolution, "_CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(steerable_convolution, "_MIN_IRREP_SIZE", min_size)
    ours, theirs = _pair(regular(space, 2), regular(space, 1), kernel_size)
    assert ours._is_by_irreps == (min_size == 0)
    x = torch.randn(3, ours.in_type.size, 11, 7)
    weights = torch.randn(3, ours.out_type.size, 11, 7)
    for a, b in zip(_run(ours, x, weights, False), _run(theirs, x, weights, True), strict=True):
        assert torch.allclose(a, b, atol=1e-4 * float(b.abs().max()))
    for layer in (ours, theirs):
        layer.eval()  # filters are expanded once and kept
    found = _run(ours, x, weights, False)[0]
    assert torch.allclose(found, _run(theirs, x, weights, True)[0], atol=1e-4)


@pytest.mark.parametrize("min_size", [0, 10**9])
def test_layers_side_by_side_are_as_one_by_one(
    min_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steerable_convolution, "_MIN_IRREP_SIZE", min_size)
    monkeypatch.setattr(irrep_convolution, "_CHUNK_BYTES", 15_000)
    fields = regular(dihedral(4), 2)
    layers = [_pair(fields, regular(dihedral(4), n), 3)[0] for n in (1, 3)]
    image, weights = torch.randn(2, 16, 11, 7), (torch.randn(2, 8, 1, 1), torch.randn(2, 24, 1, 1))
    found = []
    for is_joint in (False, True):
        x = image.clone().requires_grad_()
        if is_joint:
            outputs = layers[0].apply_joint(x, join_filters(*layers))
        else:
            outputs = tuple(layer(x) for layer in layers)
        parameters = [p for layer in layers for p in layer.parameters()]
        total = sum((w * y).sum() for w, y in zip(weights, outputs, strict=True))
        gradients = torch.autograd.grad(total, [x, *parameters])
        found.append([*(y.detach() for y in outputs), *gradients])
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape and torch.allclose(a, b, atol=1e-4 * float(b.abs().max()))


def test_layers_from_and_to_scalar_fields_are_those_of_escnn() -> None:
    space = dihedral(4)
    for types in ((trivial(space, 2), regular(space, 2)), (regular(space, 2), trivial(space, 3))):
        ours, theirs = _pair(*types, 3)
        x, weights = torch.randn(2, types[0].size, 8, 8), torch.randn(2, types[1].size, 8, 8)
        pairs = zip(_run(ours, x, weights, False), _run(theirs, x, weights, True), strict=True)
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in pairs)


@pytest.mark.parametrize(
    ("space", "kernel_size", "num_patterns", "num_products"),
    [(dihedral(4), 3, 6, 72), (cyclic(16), 3, 6, 180), (cyclic(16), 5, 11, 330)],
)
def test_products_are_few(
    space: object, kernel_size: int, num_patterns: int, num_products: int
) -> None:
    basis = irrep_basis(space, kernel_size)
    assert len(basis.patterns) == num_patterns
    sizes = [len(b.rows) * b.num_outputs * b.num_features for b in basis.blocks]
    assert sum(sizes) == num_products


def test_shared_filters_are_expanded_once_and_learn_from_all_calls() -> None:
    space = dihedral(4)
    layer, theirs = _pair(regular(space, 1), regular(space, 1), 3)
    x = torch.randn(2, 8, 6, 6)
    expand, calls = layer._expand, []
    layer._expand = lambda: calls.append(1) or expand()  # type: ignore[method-assign]
    with sharing_filters(torch.nn.ModuleList([layer])):
        with torch.no_grad():
            layer(x)
        (layer(x).sum() + layer(2 * x).sum()).backward()
    assert len(calls) == 1
    order = torch.argsort(steerable_convolution._channel_order(layer.in_type))
    for scale in (1, 2):
        theirs(enn.GeometricTensor(scale * x[:, order], theirs.in_type)).tensor.sum().backward()
    assert torch.allclose(layer.weights.grad, theirs.weights.grad, rtol=1e-4, atol=1e-3)
    layer(x)
    assert len(calls) == 2  # outside, every call sees the weights of the moment
