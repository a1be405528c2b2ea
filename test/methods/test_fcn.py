"""One network for all pixels and yaws."""

import numpy as np
import pytest
import torch

from equigrasp.config import override
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.learning.grasping.grasp_step import decode_grasp
from equigrasp.learning.interfaces import Q_MAP, ROTATION_VALUES, Context
from equigrasp.methods.fcn.losses import grasp_loss
from equigrasp.methods.fcn.networks import turn_maps
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation

KINDS = ["fcn:compact", "fcn/rot:compact"]


def test_the_loss_is_that_of_the_tried_pixels() -> None:
    maps = torch.zeros(2, 4, 4)
    maps[0, 1, 2], maps[1, 3, 0] = 0.75, 0.5
    rows, cols = torch.tensor([1, 3]), torch.tensor([2, 0])
    loss = grasp_loss(maps, rows, cols, torch.tensor([1.0, 0.0]))
    assert float(loss) == pytest.approx((0.5 * 0.25**2 + 0.5 * 0.5**2) / 2)


@pytest.mark.parametrize("quarters", [-1, 1, 2])
def test_turning_by_quarters_equals_rot90(quarters: int) -> None:
    maps = torch.rand(2, 3, 16, 16)
    turned = turn_maps(maps, torch.full((2,), quarters * np.pi / 2, dtype=torch.float32))
    assert torch.allclose(turned, torch.rot90(maps, quarters, (2, 3)), atol=1e-5)


def test_turning_there_and_back_returns_a_smooth_map() -> None:
    row = torch.arange(64.0)[:, None] - 31.5
    col = torch.arange(64.0)[None] - 31.5
    blob = torch.exp(-((row - 8) ** 2 + (col + 5) ** 2) / 50)[None, None]
    angle = torch.tensor([3 * np.pi / 8])
    turned = turn_maps(blob, angle)
    # (8, -5) turned by 67.5 degrees: (8 cos + 5 sin, 8 sin - 5 cos) = (7.68, 5.48)
    peak = divmod(int(turned.argmax()), 64)
    assert peak == (round(31.5 + 7.68), round(31.5 + 5.48))
    assert float((turn_maps(turned, -angle) - blob).abs().max()) < 0.03


@pytest.mark.parametrize("name", KINDS)
def test_the_values_of_one_yaw_are_those_among_all(name: str) -> None:
    package, config = load_method(name)
    network = package.make_networks(config, 0)["q"].eval()
    heightmaps = torch.rand(2, 1, 64, 64) * 0.05
    with torch.no_grad():
        every = network(heightmaps)  # (2, C, 8, 64, 64)
        one = network.at_yaws(heightmaps, torch.tensor([3, 6]))
    assert every.shape == (2, config.network.num_logits, 8, 64, 64)
    assert torch.allclose(one[0], every[0, :, 3], atol=1e-5)
    assert torch.allclose(one[1], every[1, :, 6], atol=1e-5)
    assert not torch.allclose(one[0], every[0, :, 4], atol=1e-3)


@pytest.mark.parametrize(("size", "padded"), [(64, 96), (128, 192)])
def test_turned_inputs_are_whole_and_have_floor_around_them(size: int, padded: int) -> None:
    package, config = load_method("fcn/rot:compact")
    network = package.make_networks(config, 0)["q"].eval()
    seen: list[torch.Tensor] = []
    network.unet.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.full((1, 1, size, size), 0.05))
    border = (padded - size) // 2
    assert seen[0].shape == (8, 1, padded, padded)
    straight = seen[0][0, 0]
    inner = slice(border, border + size)
    assert torch.allclose(straight[inner, inner], torch.tensor(0.05))
    volumes = seen[0].sum((1, 2, 3))
    assert float(straight.sum()) == pytest.approx(0.05 * size**2)  # nothing but floor around it
    assert volumes.tolist() == pytest.approx([0.05 * size**2] * 8, rel=0.01)  # no corner is lost


def test_turning_the_heightmap_turns_the_values_of_turned_inputs() -> None:
    package, config = load_method("fcn/rot:compact")
    network = package.make_networks(config, 0)["q"].eval()
    heightmap = torch.rand(1, 1, 64, 64) * 0.05
    with torch.no_grad():
        straight, turned = network(heightmap), network(torch.rot90(heightmap, 1, (2, 3)))
    # Yaws of the other half come back turned by pi, which a plain network does not know.
    for k in range(4):
        expected = torch.rot90(straight[:, :, k], 1, (2, 3))
        assert torch.allclose(turned[:, :, k + 4], expected, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_the_policy_takes_the_best_pixel_and_yaw_near_objects(
    name: str, workspace: Workspace
) -> None:
    package, config = load_method(name)
    config = override(config, {"acting.greedy_temperature": "1e-9"})
    modules = package.make_networks(config, 0)
    policy = package.make_policy(config, modules)
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[40:52, 60:90] = 0.05
    choice = policy.choose(
        Observation.of_heightmap(heightmap, workspace), Context("greedy"), np.random.default_rng(0)
    )
    pixel = decode_grasp(choice.encoded)
    row, col, k = pixel.row, pixel.col, pixel.rotation_bin
    assert heightmap[row - 4 : row + 5, col - 4 : col + 5].max() > 0.005
    with torch.no_grad():
        logits = modules["q"](torch.from_numpy(heightmap)[None, None])[0]
    values = logits[0] if len(logits) == 1 else torch.softmax(logits, 0)[1]  # (8, 128, 128)
    assert choice.value == pytest.approx(float(values[k, row, col]), abs=1e-6)
    near = values[:, 40:52, 60:90]
    assert choice.value >= float(near.max()) - 1e-6
    assert choice.views[Q_MAP] == pytest.approx(
        values[:, 16:112, 16:112].amax(0).numpy(), abs=1e-6
    )


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.slow
def test_values_at_the_tried_grasps_approach_the_rewards(name: str) -> None:
    package, config = load_method(name)
    learner = package.make_learner(
        config, package.make_networks(config, 0), Workspace("left", 0.45, 0.21)
    )
    heightmaps = torch.zeros(2, 1, 64, 64)
    heightmaps[0, 0, 20:40, 28:34] = heightmaps[1, 0, 28:34, 20:40] = 0.05
    pixels = torch.tensor([30, 30])
    batch = GraspBatch(heightmaps, pixels, pixels, torch.tensor([4, 4]), torch.tensor([1.0, 0.0]))
    num_steps = 40 if config.training.learning_rate >= 1e-3 else 120  # at a tenth of the rate
    losses = [learner.train_step(batch, step)["loss"] for step in range(num_steps)]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("name", ["fcn:compact", "fcn/rot:compact"])
def test_a_script_may_rate_the_best_pixels_and_yaws(workspace: Workspace, name: str) -> None:
    package, config = load_method(name)
    config = override(config, {"acting.script_weight": "0.1"})
    policy = package.make_policy(config, package.make_networks(config, 0))
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[60:66, 50:90] = 0.04
    decision = policy.choose(
        Observation.of_heightmap(heightmap, workspace), Context("greedy"), np.random.default_rng(0)
    )
    pixel = decode_grasp(decision.encoded)
    row, col = pixel.row - 16, pixel.col - 16
    q_map, values = policy.values(heightmap, 96, row, col)
    assert decision.views[Q_MAP] == pytest.approx(q_map)
    assert decision.views[ROTATION_VALUES] == pytest.approx(values)
    assert decision.value == pytest.approx(values[pixel.rotation_bin])
