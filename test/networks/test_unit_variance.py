"""Weights to begin with: every layer of a steerable network is as loud as the others."""

import pytest
import torch

from equigrasp.networks.orientation_unet import OrientationUNet, scalars, yaw_type
from equigrasp.networks.steerable_blocks import ResidualBlock
from equigrasp.networks.unit_variance import equalize


@pytest.mark.parametrize("seed", [0, 1])
def test_every_layer_puts_out_unit_deviation_and_the_last_one_little(seed: int) -> None:
    torch.manual_seed(seed)
    network = OrientationUNet(scalars(6, 1), yaw_type(6, 18), (2, 4, 8), is_stem_pooled=True)
    x = torch.rand(2, 1, 32, 32)
    weights = {name: p.clone() for name, p in network.named_parameters()}
    equalize(network, x)
    for name, p in network.named_parameters():  # one factor a layer, which no symmetry sees
        factor = p / weights[name]
        assert torch.allclose(factor, factor.flatten()[0], equal_nan=True), name
    outputs: dict[str, tuple[tuple[torch.Tensor, ...], torch.Tensor]] = {}

    def keep(name: str, layer: torch.nn.Module) -> None:
        layer.register_forward_hook(lambda _, given, y: outputs.__setitem__(name, (given, y)))

    blocks = {n: m for n, m in network.named_modules() if isinstance(m, ResidualBlock)}
    layers = {"stem": network.stem, "head": network.head, "output": network.output}
    for name, layer in (blocks | layers).items():
        keep(name, layer)
    with torch.no_grad():
        network(x)
        for name, block in blocks.items():
            for convolution in (block.first, block.skip):
                assert convolution is not None
                deviation = convolution(*outputs[name][0]).std().item()
                assert deviation == pytest.approx(1.0, abs=1e-3), name
    for name, deviation in (("stem", 1.0), ("head", 1.0), ("output", 0.3)):
        assert outputs[name][1].std().item() == pytest.approx(deviation, abs=1e-3)
