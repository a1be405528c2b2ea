"""Networks without symmetry: shapes, scales and what their options do."""

import pytest
import torch

from equigrasp.errors import ConfigError
from equigrasp.networks.equivariance import map_equivariance_error, rotation_equivariance_error
from equigrasp.networks.plain_blocks import PlainResidualBlock, fill_weights_in_place
from equigrasp.networks.plain_encoder import DenseEncoder, PlainEncoder
from equigrasp.networks.plain_unet import PlainUNet


def _unet(is_stem_pooled: bool, is_copy: bool, **options: float) -> PlainUNet:
    torch.manual_seed(0)
    return PlainUNet((2, 4, 6, 8), is_stem_pooled, is_copy=is_copy, **options)


@pytest.mark.parametrize("is_stem_pooled", [True, False])
@pytest.mark.parametrize("is_copy", [True, False])
def test_a_unet_maps_heightmaps_to_maps_without_symmetry(
    is_stem_pooled: bool, is_copy: bool
) -> None:
    network = _unet(is_stem_pooled, is_copy, num_logits=3)
    image = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        maps = network(image)
    assert maps.shape == (2, 3, 32, 32) and float(maps.std()) > 1e-3
    assert map_equivariance_error(network, image) > 1e-3


@pytest.mark.parametrize("is_stem_pooled", [True, False])
@pytest.mark.parametrize("kind", [PlainEncoder, DenseEncoder])
def test_an_encoder_maps_patches_to_yaws_without_symmetry(
    kind: type, is_stem_pooled: bool
) -> None:
    torch.manual_seed(0)
    network = kind((2, 4, 6, 8), (3, 3, 3), 8, is_stem_pooled, num_logits=2)
    patch = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        assert network(patch).shape == (3, 2, 8)
    assert rotation_equivariance_error(network, patch) > 1e-3


def test_kernels_that_leave_nothing_of_a_patch_are_named() -> None:
    DenseEncoder((2, 2, 2, 2), (5, 5, 11), 8)  # 32, 28, 24, pooled 12, 2
    with pytest.raises(ConfigError, match=r"\(5, 5, 13\) leave nothing of a patch of 32 px"):
        DenseEncoder((2, 2, 2, 2), (5, 5, 13), 8)


def test_heights_are_scaled_before_the_first_layer() -> None:
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(_unet(True, True, input_scale=10)(image), _unet(True, True)(10 * image))
        for kind in (PlainEncoder, DenseEncoder):
            torch.manual_seed(0)
            scaled = kind((2, 2, 2, 2), (3, 3, 3), 8, input_scale=10)
            torch.manual_seed(0)
            plain = kind((2, 2, 2, 2), (3, 3, 3), 8)
            assert torch.equal(scaled(image), plain(10 * image))


def test_a_block_without_weights_is_its_skip() -> None:
    block = PlainResidualBlock(2, 2, 3, 1, has_bias=False)
    fill_weights_in_place(block, torch.nn.init.zeros_)
    x = torch.randn(1, 2, 8, 8)
    assert block.skip is None and torch.equal(block(x), x.relu())


def test_the_skip_of_a_block_has_its_own_kernel_size() -> None:
    block = PlainResidualBlock(2, 4, 5, 1, has_bias=True)
    assert block.first.weight.shape == (4, 2, 5, 5) and block.second.weight.shape == (4, 4, 5, 5)
    assert block.skip is not None and block.skip.weight.shape == (4, 2, 1, 1)
    fill_weights_in_place(block, torch.nn.init.ones_)
    assert bool((block.skip.weight == 1).all()) and bool((block.skip.bias == 0).all())
