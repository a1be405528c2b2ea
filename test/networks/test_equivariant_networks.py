"""Symmetry and size of q1 and q2."""

import pytest
import torch

from equigrasp.methods.registry import load_method
from equigrasp.networks.equivariance import map_equivariance_error, rotation_equivariance_error
from equigrasp.networks.equivariant_encoder import EquivariantEncoder
from equigrasp.networks.equivariant_unet import EquivariantUNet


def _count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("is_stem_pooled", [True, False])
def test_turning_and_mirroring_the_image_turns_and_mirrors_the_map(is_stem_pooled: bool) -> None:
    torch.manual_seed(0)
    network = EquivariantUNet((1, 2, 2), is_stem_pooled)
    image = torch.rand(2, 1, 32, 32)
    assert map_equivariance_error(network, image) < 1e-5
    assert float(network(image).detach().std()) > 1e-4  # not a constant


@pytest.mark.parametrize("is_stem_pooled", [True, False])
def test_turning_the_patch_shifts_the_yaw_values(is_stem_pooled: bool) -> None:
    torch.manual_seed(0)
    network = EquivariantEncoder((1, 1, 2, 2), (3, 3, 3), 8, is_stem_pooled)
    patch = torch.rand(2, 1, 32, 32)
    assert rotation_equivariance_error(network, patch) < 1e-5
    values = network(patch).detach()
    assert values.shape == (2, 2, 8) and float((values - values.roll(4, 2)).abs().max()) > 1e-4


def test_the_paper_size_has_the_published_number_of_parameters() -> None:
    from equigrasp.networks import steerable_blocks

    initialise = steerable_blocks.enn.init.generalized_he_init
    steerable_blocks.enn.init.generalized_he_init = lambda *a, **k: (
        None
    )  # slow, and no matter here
    try:
        package, config = load_method("asr:paper")
        modules = package.make_networks(config, 0)
    finally:
        steerable_blocks.enn.init.generalized_he_init = initialise
    assert _count(modules["q1"]) == 6_048_738
    assert _count(modules["q2"]) == 1_078_762


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    package, config = load_method("asr:tiny")
    a, b, c = (package.make_networks(config, seed)["q1"] for seed in (0, 0, 1))
    pairs = list(zip(a.parameters(), b.parameters(), c.parameters(), strict=True))
    assert all(torch.equal(p, q) for p, q, _ in pairs)
    assert any(not torch.equal(p, r) for p, _, r in pairs)
