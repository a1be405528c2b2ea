"""Windows of the fine scales against the whole map."""

import pytest
import torch

from equigrasp.networks.equivariant_unet import EquivariantUNet
from equigrasp.networks.logit_map import DenseLogits, PartialLogits, logit_map


def _network(is_stem_pooled: bool) -> EquivariantUNet:
    torch.manual_seed(0)
    return EquivariantUNet((1, 2, 2), is_stem_pooled)


@pytest.mark.parametrize("is_stem_pooled", [True, False])
@pytest.mark.parametrize("border", [10, 11, 12, 16])
def test_the_inner_map_is_that_of_the_whole(is_stem_pooled: bool, border: int) -> None:
    network, heightmaps = _network(is_stem_pooled), torch.rand(2, 1, 48, 48)
    found = logit_map(network, heightmaps, border)
    assert isinstance(found, PartialLogits)
    whole = network(heightmaps)
    inner = whole[:, :, border : 48 - border, border : 48 - border]
    assert torch.allclose(found.inner(border), inner, atol=1e-5)


@pytest.mark.parametrize("is_stem_pooled", [True, False])
def test_single_pixels_have_the_values_and_gradients_of_the_whole_map(
    is_stem_pooled: bool,
) -> None:
    network, heightmaps = _network(is_stem_pooled), torch.rand(2, 1, 48, 48)
    rows = torch.tensor([[10, 11, 37, 20], [15, 15, 30, 21]])  # one pixel twice
    cols = torch.tensor([[37, 10, 11, 24], [26, 26, 13, 16]])
    whole, gradients = DenseLogits(network(heightmaps)), []
    part = logit_map(network, heightmaps, 10)
    assert torch.allclose(part.at(rows, cols), whole.at(rows, cols), atol=1e-5)
    weights = torch.randn(2, 2, 4)
    for found in (part, whole):
        network.zero_grad()
        (found.at(rows, cols) * weights).sum().backward()
        gradients.append([p.grad.clone() for p in network.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-5 * max(1.0, float(b.abs().max())))


def test_maps_with_a_narrow_border_and_other_networks_are_worked_out_whole() -> None:
    network, heightmaps = _network(True), torch.rand(1, 1, 32, 32)
    assert isinstance(logit_map(network, heightmaps, 9), DenseLogits)
    plain = logit_map(torch.nn.Conv2d(1, 2, 1), heightmaps, 16)
    assert isinstance(plain, DenseLogits) and plain.inner(0).shape == (1, 2, 32, 32)
