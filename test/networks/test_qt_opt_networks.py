"""The published Q-network by its shape table, and ours: what is shared between actions, and what enters where."""

import copy

import pytest
import torch

from equigrasp.errors import ConfigError
from equigrasp.networks.gripper_frame_network import GripperFrameNetwork, Merge
from equigrasp.networks.qt_opt_network import QtOptNetwork, _pool

PUBLISHED = {  # layer: output at 472 px without the batch, trainable parameters
    "norm1": ((64, 236, 236), None),
    "trunk": ((64, 79, 79), 615_168),
    "action": ((64,), None),
    "merged": ((64, 27, 27), 221_952),
    "last": ((64, 8, 8), 110_976),
    "fc0": ((64,), 262_272),
    "fc1": ((64,), 4_224),
    "logit": ((1,), 65),
}


def num_trained(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def small(**keys: object) -> QtOptNetwork:
    torch.manual_seed(0)
    return QtOptNetwork(36, 4, (2, 1, 1), (1, 1, 1), **keys)  # type: ignore[arg-type]


def stir(network: torch.nn.Module) -> None:
    """Change all weights: the first ones say nearly the same of everything."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))


def inputs(size: int, image_px: int, count: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.rand(size, 3, image_px, image_px, generator=generator),
        torch.rand(size, 2, generator=generator),
        torch.rand(size, count, 8, generator=generator) - 0.5,
    )


def test_the_published_network_has_the_published_shapes_and_parameters() -> None:
    network = QtOptNetwork()
    assert num_trained(network) == 1_242_817
    assert num_trained(network.conv1) + num_trained(network.norm1) == 7_040
    branch = (network.fields, network.fields_norm, network.action)
    assert sum(map(num_trained, branch)) == 21_120
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (_, count) in PUBLISHED.items():
        layer = getattr(network, name)
        assert count is None or num_trained(layer) == count, name

        def note(_m: object, _i: object, out: torch.Tensor, name: str = name) -> None:
            shapes[name] = tuple(out.shape[1:])

        layer.register_forward_hook(note)
    network.eval()
    with torch.no_grad():
        logits = network(*inputs(1, 472, 2))
    assert shapes == {name: shape for name, (shape, _) in PUBLISHED.items()}
    assert logits.shape == (1, 2, 1) and network.final_px == 8
    stages = [p for p in network.parameters() if p.ndim > 1]
    assert (
        max(float(p.detach().abs().max()) for p in stages) <= 0.02
    )  # truncated at two deviations


def test_poolings_share_out_what_is_missing_as_tensorflow_does() -> None:
    """Of 7 cells by 3: one cell is missing on either side, so that the windows are 2, 3 and 2 wide."""
    cells = torch.arange(7.0).expand(1, 1, 7, 7)
    assert _pool(cells, 3)[0, 0, 0].tolist() == [1.0, 4.0, 6.0]
    assert _pool(cells[..., :5, :5], 3)[0, 0, 0].tolist() == [
        2.0,
        4.0,
    ]  # the one missing is the last
    assert _pool(cells[..., :6, :6], 3)[0, 0, 0].tolist() == [2.0, 5.0]


@pytest.mark.parametrize("merge", ["published", "late", "middle"])
def test_many_actions_are_valued_as_each_alone(merge: str) -> None:
    images, status, actions = inputs(2, 36 if merge == "published" else 32, 5)
    torch.manual_seed(0)
    network: torch.nn.Module = small()
    if merge != "published":
        way: Merge = "late" if merge == "late" else "middle"
        network = GripperFrameNetwork(32, 3, 2, 8, width=4, hidden=8, num_heads=3, merge=way)
    stir(network.eval())
    with torch.no_grad():
        together = network(images, status, actions)
        alone = [network(images, status, actions[:, n : n + 1]) for n in range(5)]
    assert together.shape == (2, 5, 1 if merge == "published" else 3)
    assert torch.allclose(together, torch.cat(alone, 1), atol=1e-4)
    assert float(together.std(1).min()) > 1e-3  # the action matters
    assert torch.allclose(together[1:], network(images[1:], status[1:], actions[1:]), atol=1e-4)


def test_the_image_is_encoded_once_for_all_actions() -> None:
    network, calls = small(), []
    network.trunk.register_forward_hook(lambda *args: calls.append(args[1][0].shape[0]))
    network.eval()(*inputs(2, 36, 7))
    assert calls == [2]


def test_statistics_move_while_training_only_and_travel_with_the_weights() -> None:
    network = small(momentum=0.1)
    before = copy.deepcopy(network.state_dict())
    network.eval()(*inputs(3, 36, 1))
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    network.train()(*inputs(3, 36, 1))
    moved = {k for k, v in network.state_dict().items() if not torch.equal(before[k], v)}
    assert moved and all(k.endswith((".mean", ".variance")) for k in moved)
    assert moved <= {name for name, _ in network.named_parameters()}


def test_goals_join_after_the_last_convolution() -> None:
    plain = small()
    with_map, with_vector = small(goal_channels=2), small(goal_size=5)
    cells = plain.final_px**2
    assert num_trained(with_map) - num_trained(plain) == 2 * cells * 4
    assert num_trained(with_vector) - num_trained(plain) == 5 * 4
    images, status, actions = inputs(2, 36, 3)
    for network, goal in (
        (with_map, {"goal_map": torch.randn(2, 2, plain.final_px, plain.final_px)}),
        (with_vector, {"goal_vector": torch.randn(2, 5)}),
    ):
        stir(network.eval())
        with torch.no_grad():
            found = network.logits(network.encode(images, status, **goal), actions)
            other = {k: v + 1.0 for k, v in goal.items()}
            changed = network.logits(network.encode(images, status, **other), actions)
        assert found.shape == (2, 3, 1) and not torch.allclose(found, changed)


def test_an_image_that_is_too_small_is_refused() -> None:
    with pytest.raises(ConfigError, match="64 px is too small for pools"):
        QtOptNetwork(64)
    with pytest.raises(ConfigError, match="must be even, found 471"):
        QtOptNetwork(471)


def test_heads_are_an_ensemble_on_one_encoder() -> None:
    torch.manual_seed(0)
    one, three = (GripperFrameNetwork(32, 3, 5, 8, width=4, hidden=8, num_heads=n) for n in (1, 3))
    encoder = num_trained(one) - num_trained(one.heads)
    assert num_trained(three) == encoder + 3 * num_trained(one.heads)
    images, _, actions = inputs(2, 32, 1)
    three(images, torch.zeros(2, 5), actions)[..., 1].sum().backward()  # of the second head
    moved = [float(head.second.weight.grad.abs().max()) > 0.0 for head in three.heads]  # type: ignore[union-attr]
    assert moved == [False, True, False]
    assert float(three.trunk[0][0].weight.grad.abs().max()) > 0.0  # type: ignore[union-attr]
