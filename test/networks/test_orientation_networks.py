"""C6: directions at every pixel, and a score that no turn changes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform, gaussian_filter

from equigrasp.networks.equivariant_critic import EquivariantCritic
from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.graph_attention import StarAttention
from equigrasp.networks.orientation_unet import (
    OrientationUNet,
    direction_type,
    scalars,
    yaw_type,
)
from equigrasp.networks.push_unet import PushUNet
from equigrasp.networks.steerable_blocks import cyclic

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


def _push_network(threshold_px: float = 60.0, num_heads: int = 2) -> PushUNet:
    torch.manual_seed(0)
    network = PushUNet(6, 18, (2, 3, 3), 4, (2, 3), num_heads, threshold_px, is_stem_pooled=True)
    network.eval()
    return network


def _clutter(num: int = 4, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Return heights and target (1, 2, S, S) and masks (N, S, S) of boxes of different heights."""
    generator = torch.Generator().manual_seed(1)
    masks = torch.zeros(num, size, size, dtype=torch.bool)
    places = [(30, 30), (20, 44), (42, 24), (12, 10)]
    for mask, (row, col) in zip(masks, places, strict=False):
        mask[row - 4 : row + 5, col - 3 : col + 6] = True
    heights = torch.einsum("n,nhw->hw", torch.rand(num, generator=generator) + 0.2, masks.float())
    return torch.stack([heights, masks[0].float()])[None], masks


def _values(network: PushUNet, x: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network(x, [masks])


def test_pushes_turn_with_the_scene_by_half_a_turn_exactly() -> None:
    network = _push_network()
    x, masks = _clutter()
    straight = _values(network, x, masks)
    turned = _values(network, torch.rot90(x, 2, (2, 3)), torch.rot90(masks, 2, (1, 2)))
    expected = torch.rot90(straight, 2, (2, 3)).roll(9, 1)
    assert float((turned - expected).abs().max()) < 1e-5 * float(straight.abs().max())
    assert float((straight - straight.roll(9, 1)).abs().max()) > 1e-3


def test_attention_turns_with_the_scene_by_every_turn_of_the_group() -> None:
    torch.manual_seed(0)
    attention = StarAttention(cyclic(6), 4, 2, 60.0)
    nodes, places = torch.rand(4, 24), torch.rand(4, 2) * 50.0
    cos, sin = np.cos(np.pi / 3), np.sin(np.pi / 3)
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float32)

    def shifted(features: torch.Tensor) -> torch.Tensor:
        return features.unflatten(1, (6, 4)).roll(1, 1).flatten(1)

    with torch.no_grad():
        straight, turned = attention(nodes, places), attention(shifted(nodes), places @ turn.T)
        unturned = attention(shifted(nodes), places)
    assert torch.allclose(turned, shifted(straight), atol=1e-5)
    assert not torch.allclose(unturned, shifted(straight), atol=1e-3)  # places count


def test_the_order_of_the_masks_has_no_effect() -> None:
    network = _push_network()
    x, masks = _clutter()
    other = masks[torch.tensor([0, 3, 1, 2])]
    assert torch.allclose(_values(network, x, masks), _values(network, x, other), atol=1e-5)


def test_objects_beyond_the_threshold_have_no_effect_through_the_graph() -> None:
    x, masks = _clutter()
    near = _push_network(threshold_px=24.0)  # the last mask is 27 px away
    without = _values(near, x, masks[:3])[..., 20:, 20:]
    assert torch.allclose(
        _values(near, x, masks)[0, :, 26:34, 26:34], without[0, :, 6:14, 6:14], atol=1e-5
    )
    wide = _push_network(threshold_px=60.0)
    with_last, without_last = _values(wide, x, masks), _values(wide, x, masks[:3])
    assert float((with_last - without_last)[0, :, 26:34, 26:34].abs().max()) > 1e-4


def test_a_target_alone_or_hidden_and_no_attention_at_all_work() -> None:
    x, masks = _clutter()
    assert torch.isfinite(_values(_push_network(), x, masks[:1])).all()
    hidden = masks.clone()
    hidden[0] = False
    assert torch.isfinite(_values(_push_network(), x, hidden)).all()
    assert torch.isfinite(_values(_push_network(num_heads=0), x, masks)).all()
