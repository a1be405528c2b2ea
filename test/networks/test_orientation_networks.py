"""C6: directions at every pixel, and a score that no turn changes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform, gaussian_filter

from equigrasp.networks.equivariant_critic import EquivariantCritic
from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.orientation_unet import (
    OrientationUNet,
    direction_type,
    scalars,
    yaw_type,
)

_SIZE = 96


def _network(out_type: "enn.FieldType", channels: int = 1) -> OrientationUNet:
    torch.manual_seed(0)
    network = OrientationUNet(scalars(6, channels), out_type, (2, 3, 4), is_stem_pooled=True)
    network.eval()
    return network


def _turned(image: np.ndarray, angle: float) -> np.ndarray:
    """Turn an image (S, S) about its middle, rows towards columns, as base x towards y."""
    cos, sin, middle = np.cos(angle), np.sin(angle), (len(image) - 1) / 2.0
    back = np.array([[cos, sin], [-sin, cos]])
    centre = np.array([middle, middle])
    return np.asarray(affine_transform(image, back, centre - back @ centre, order=1))


def _scene() -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth scene within a disc, (S, S), and the disc."""
    rows, cols = np.mgrid[:_SIZE, :_SIZE] - (_SIZE - 1) / 2.0
    disc = np.hypot(rows, cols) < 0.4 * _SIZE
    smooth = gaussian_filter(np.random.default_rng(0).random((_SIZE, _SIZE)), 5) * disc
    return gaussian_filter(smooth / smooth.std(), 2), disc


def _map(network: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(image[None, None].astype(np.float32)))[0])


@pytest.mark.parametrize(
    ("out_type", "steps"), [(yaw_type(6, 18), 18), (direction_type(6, 18), 9)]
)
def test_half_a_turn_is_exact(out_type: "enn.FieldType", steps: int) -> None:
    image = torch.rand(1, 1, 32, 32)
    network = _network(out_type)
    with torch.no_grad():
        straight, turned = network(image), network(torch.rot90(image, 2, (2, 3)))
    expected = torch.rot90(straight, 2, (2, 3)).roll(steps, 1)
    assert float((turned - expected).abs().max()) < 1e-5
    assert float((straight - straight.roll(3, 1)).abs().max()) > 1e-3  # directions differ


@pytest.mark.parametrize(("out_type", "steps"), [(yaw_type(6, 18), 6), (direction_type(6, 18), 3)])
def test_a_turn_by_60_degrees_turns_the_map_and_shifts_the_channels(
    out_type: "enn.FieldType", steps: int
) -> None:
    network = _network(out_type)
    image, disc = _scene()
    straight, turned = _map(network, image), _map(network, _turned(image, np.pi / 3))
    expected = np.roll([_turned(channel, np.pi / 3) for channel in straight], steps, axis=0)
    spread = turned[:, disc].std()

    def error(shift: int) -> float:
        return float(np.abs(np.roll(expected, shift, axis=0) - turned)[:, disc].mean() / spread)

    assert error(0) < 0.12
    assert min(error(k) for k in range(1, 18)) > 2.0 * error(0)


def test_yaws_and_directions_must_suit_the_group() -> None:
    with pytest.raises(ValueError, match="C6 does not permute 16 yaws"):
        yaw_type(6, 16)
    with pytest.raises(ValueError, match="C6 does not permute 16 directions"):
        direction_type(6, 16)


def test_the_critic_does_not_change_its_mind_with_a_turn() -> None:
    torch.manual_seed(0)
    critic = EquivariantCritic(6, 4, (2, 3, 4))
    critic.eval()
    crops = torch.rand(3, 4, 32, 32)
    with torch.no_grad():
        straight, turned = critic(crops), critic(torch.rot90(crops, 2, (2, 3)))
    assert torch.allclose(straight, turned, atol=1e-5)
    assert float(straight.std()) > 1e-4
