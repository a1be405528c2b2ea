"""Losses on numbers worked by hand, and the symmetry of the whole policy."""

import numpy as np
import pytest
import torch

from equigrasp.config import override
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.learning.grasping.grasp_step import decode_grasp
from equigrasp.learning.interfaces import Q_MAP, ROTATION_VALUES, Context, EmptyWorkspaceError
from equigrasp.learning.trained_weights import PROBE, load_trained_weights
from equigrasp.learning.weight_store import read_parameters
from equigrasp.methods.asr.losses import (
    error_of,
    mean_over_views,
    off_policy_loss,
    on_policy_loss,
    on_policy_target,
)
from equigrasp.methods.asr.networks import extract_patches
from equigrasp.methods.asr.policy import AsrPolicy
from equigrasp.methods.registry import find_method, load_method
from equigrasp.networks.outputs import success_probability
from equigrasp.paths import models_dir
from equigrasp.perception.observation import Observation


def _square(action_size_px: int) -> Workspace:
    """Return a workspace whose grasps stay in a square of this side."""
    return Workspace("square", 0.0, 0.0, action_size_px=action_size_px)


def test_failures_aim_at_the_best_other_yaw_and_successes_at_one() -> None:
    values = torch.tensor([[0.2, 0.9, 0.4], [0.2, 0.9, 0.4]])
    target = on_policy_target(torch.tensor([0.0, 1.0]), torch.tensor([1, 1]), values)
    assert torch.allclose(target, torch.tensor([0.4, 1.0]))


def test_on_policy_loss_averages_successes_and_failures_apart() -> None:
    outputs, targets = torch.tensor([[0.6], [0.8], [0.5]]), torch.tensor([1.0, 1.0, 0.4])
    rewards, error = torch.tensor([1.0, 1.0, 0.0]), error_of("smooth_l1")
    # successes: (0.5 * 0.16 + 0.5 * 0.04) / 2 = 0.05; failure: 0.5 * 0.01 = 0.005
    assert float(on_policy_loss(outputs, targets, rewards, error)) == pytest.approx(0.055)
    of_successes = on_policy_loss(outputs[:2], targets[:2], rewards[:2], error)
    assert float(of_successes) == pytest.approx(0.05)


def test_off_policy_and_reward_losses() -> None:
    q1, q2 = torch.tensor([[[0.5, 0.3]]]), torch.tensor([[[0.1, 0.7], [0.3, 0.2]]])
    error = error_of("smooth_l1")
    assert float(off_policy_loss(q1, q2, error)) == pytest.approx(0.5 * 0.04 / 2)  # (0.2², 0²)
    assert float(error(torch.tensor([[0.25]]), torch.tensor([1.0]))) == pytest.approx(
        0.5 * 0.75**2
    )


@pytest.mark.parametrize("margin", [8.0, 20.0])
def test_cross_entropy_corrects_what_is_certain_and_wrong(margin: float) -> None:
    """The prediction of a failure is certain; the loss is -log P(failure), about the margin."""
    slopes = {}
    for loss in ("smooth_l1", "cross_entropy"):
        outputs = torch.tensor([[0.0, margin]], requires_grad=True)  # of failure and success
        error = error_of(loss)(outputs, torch.tensor([0.0]))
        error.backward()
        assert outputs.grad is not None
        slopes[loss] = float(outputs.grad[0, 1])
    assert float(error.detach()) == pytest.approx(np.log1p(np.exp(margin)), rel=1e-6)
    assert slopes["cross_entropy"] == pytest.approx(1.0, abs=1e-3)
    assert slopes["smooth_l1"] < 1e-3


def test_cross_entropy_is_least_at_its_target_and_needs_two_channels() -> None:
    target, error = torch.tensor([[0.3, 0.9]]), error_of("cross_entropy")
    at = torch.stack([torch.zeros(1, 2), torch.logit(target)], 1).requires_grad_()
    error(at, target).backward()
    assert at.grad is not None and at.grad.abs().max() < 1e-6
    _, config = load_method("asr:tiny")
    with pytest.raises(ConfigError, match="network.output 'softmax', found 'linear'"):
        override(config, {"network.output": "linear", "training.loss": "cross_entropy"})


def test_views_of_an_attempt_share_the_mean_of_their_targets() -> None:
    targets = torch.tensor([1.0, 0.2, 1.0, 0.6])  # attempts 0, 1 and again 0, 1
    assert mean_over_views(targets, 2).tolist() == pytest.approx([1.0, 0.4, 1.0, 0.4])
    assert torch.equal(mean_over_views(targets, 1), targets)


class _Table(torch.nn.Module):
    """Puts out the rows of a table, whatever comes in."""

    def __init__(self, values: list) -> None:
        super().__init__()
        self.values = torch.nn.Parameter(torch.tensor(values))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.values.repeat(len(x) // len(self.values), 1, *[1] * (self.values.dim() - 2))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # q1 is 0.5 everywhere and q2 0.2, 0.9, 0.4 for yaws 0 to 2; yaw 1 was tried and failed.
        ({}, (0.5 * 0.1**2, 0.5 * 0.4**2)),
        ({"training.q1_target": "reward"}, (0.5 * 0.5**2, 0.5 * 0.4**2)),
        ({"training.num_off_policy_pixels": "0"}, (0.5 * 0.1**2, 0.0)),
    ],
)
def test_a_step_uses_the_losses_that_are_switched_on(changes: dict, expected: tuple) -> None:
    package, config = load_method("asr:tiny")
    config = override(config, {"network.output": "linear"} | changes)
    q1 = _Table(torch.full((1, 1, 64, 64), 0.5).tolist())
    modules = {"q1": q1, "q2": _Table([[[0.2, 0.9, 0.4]]])}
    pixel = torch.tensor([30])
    batch = GraspBatch(
        torch.zeros(1, 1, 64, 64), pixel, pixel, torch.tensor([1]), torch.tensor([0.0])
    )
    losses = package.make_learner(config, modules, _square(32)).train_step(batch, 0)
    assert losses["loss_q2"] == pytest.approx(0.5 * 0.9**2)
    found = (losses["loss_q1_on_policy"], losses["loss_q1_off_policy"])
    assert found == pytest.approx(expected)
    assert losses["loss"] == pytest.approx(0.5 * 0.9**2 + sum(expected))
    is_off_policy = bool((q1.values.grad != 0).sum() > 1)  # else the tried pixel alone
    assert is_off_policy == (expected[1] > 0)


def test_a_step_in_bfloat16_comes_near_that_in_float32() -> None:
    package, config = load_method("asr:tiny")
    heightmaps = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0)) / 10
    pixels = torch.tensor([20, 40])
    batch = GraspBatch(heightmaps, pixels, pixels, torch.tensor([1, 2]), torch.tensor([0.0, 1.0]))
    found = {}
    for precision in ("float32", "bfloat16"):
        changed = override(config, {"training.precision": precision})
        learner = package.make_learner(changed, package.make_networks(config, 1), _square(32))
        found[precision] = learner.train_step(batch, 0)
        assert all(p.dtype == torch.float32 for p in learner._parameters)
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.05, abs=1e-3)
    assert found["bfloat16"] != found["float32"]


class _Height(torch.nn.Module):
    """Values all yaws by the middle of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.scale * x[:, :, 16, 16])[:, :, None].repeat(1, 1, 8)


@pytest.mark.parametrize(("is_relative", "height"), [("true", -0.01), ("false", 0.03)])
def test_q2_sees_relative_heights_unless_it_is_told_not_to(
    workspace: Workspace, is_relative: str, height: float
) -> None:
    package, config = load_method("asr:tiny")
    changes = {"network.output": "linear", "network.is_patch_relative": is_relative}
    config = override(config, changes | {"training.num_off_policy_pixels": "0"})
    modules = {"q1": _Table(torch.full((1, 1, 128, 128), 0.5).tolist()), "q2": _Height()}
    heightmap = np.full((128, 128), 0.03, np.float32)  # less max(0.03 - 0.04, 0.03 + 0.01)
    policy = package.make_policy(config, modules)
    decision = policy.choose(
        Observation.of_heightmap(heightmap, workspace), Context("greedy"), np.random.default_rng(0)
    )
    assert decision.views[ROTATION_VALUES] == pytest.approx([height] * 8, abs=1e-6)
    pixel = torch.tensor([60])
    batch = GraspBatch(
        torch.from_numpy(heightmap)[None, None],
        pixel,
        pixel,
        torch.tensor([1]),
        torch.tensor([0.0]),
    )
    losses = package.make_learner(config, modules, _square(96)).train_step(batch, 0)
    assert losses["loss_q2"] == pytest.approx(0.5 * height**2)


def test_views_are_judged_by_the_mean_of_what_q2_says_of_them() -> None:
    package, config = load_method("asr:tiny")
    changes = {"network.output": "linear", "training.num_off_policy_pixels": "0"}
    config = override(config, changes)
    q1 = _Table(torch.full((1, 1, 64, 64), 0.5).tolist())
    modules = {"q1": q1, "q2": _Table([[[0.2, 0.9, 0.4]], [[0.8, 0.3, 0.1]]])}
    pixels, tried = torch.tensor([30, 31]), torch.tensor([1, 0])
    batch = GraspBatch(
        torch.zeros(2, 1, 64, 64), pixels, pixels, tried, torch.zeros(2), num_views=2
    )
    losses = package.make_learner(config, modules, _square(32)).train_step(batch, 0)
    # The best other yaws are 0.4 and 0.3, so both views aim at 0.35; q2 at 0 from 0.9 and 0.8.
    assert losses["loss_q1_on_policy"] == pytest.approx(0.5 * 0.15**2)
    assert losses["loss_q2"] == pytest.approx(0.5 * (0.9**2 + 0.8**2) / 2)


def test_patches_are_centred_and_offset_one_by_one() -> None:
    heightmaps = torch.zeros(2, 1, 128, 128)
    heightmaps[0, 0, 50, 60], heightmaps[1, 0, 40:60, 40:80] = 0.09, 0.07
    patches = extract_patches(heightmaps, torch.tensor([[50], [50]]), torch.tensor([[60], [60]]))
    assert patches.shape == (2, 1, 32, 32)
    # sample 0: 0.09 spread over 2 x 2 cells, less max(0.0225 - 0.04, 0 + 0.01, 0.01) = 0.01
    assert patches[0, 0, 15:17, 15:17] == pytest.approx(torch.full((2, 2), 0.0125), abs=1e-6)
    # sample 1: max(0.07 - 0.04, 0.07 + 0.01) = 0.08
    assert float(patches[1, 0, 16, 16]) == pytest.approx(-0.01, abs=1e-6)


def test_patches_may_keep_their_heights() -> None:
    heightmaps = torch.full((1, 1, 128, 128), 0.07)
    pixel = torch.tensor([[50]])
    patches = extract_patches(heightmaps, pixel, pixel, is_relative=False)
    assert torch.allclose(patches, torch.full((1, 1, 32, 32), 0.07))


def test_probabilities_come_from_failure_and_success_logits() -> None:
    p = success_probability(torch.tensor([[[0.0, 1.0], [0.0, 2.0]]]))
    assert torch.allclose(p, torch.tensor([[0.5, 1 / (1 + np.exp(-1.0))]], dtype=torch.float32))
    value = torch.tensor([[[0.3, -2.0]]])  # one channel is the value itself
    assert torch.equal(success_probability(value), value[:, 0])


def _policy(**overrides: str) -> AsrPolicy:
    package, config = load_method("asr:tiny")
    config = override(config, {k.replace("__", "."): v for k, v in overrides.items()})
    return package.make_policy(config, package.make_networks(config, 1))


def _scene(workspace: Workspace) -> np.ndarray:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[40:52, 60:90] = 0.05
    heightmap[80:84, 30:60] = 0.03
    return heightmap


@pytest.mark.parametrize("script_weight", ["0", "0.1"])
def test_turning_the_heightmap_turns_the_grasp(workspace: Workspace, script_weight: str) -> None:
    """Pixel, yaw and height of the whole policy follow quarter turns of what it sees."""
    package, config = load_method("asr:compact")
    changes = {"acting.greedy_temperature": "1e-9", "acting.script_weight": script_weight}
    config = override(config, changes)
    policy = package.make_policy(config, package.make_networks(config, 1))
    heightmap = _scene(workspace)
    heightmap += np.random.default_rng(0).uniform(0, 0.002, (128, 128)).astype(np.float32)
    base = policy.choose(
        Observation.of_heightmap(heightmap, workspace), Context("greedy"), np.random.default_rng(0)
    )
    pixel = decode_grasp(base.encoded)
    row, col, yaw = pixel.row, pixel.col, pixel.rotation_bin
    for k in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(heightmap, k))
        decision = policy.choose(
            Observation.of_heightmap(turned, workspace),
            Context("greedy"),
            np.random.default_rng(0),
        )
        row, col, yaw = 127 - col, row, (yaw + 4) % 8
        assert decode_grasp(decision.encoded) == PixelGrasp(row, col, yaw)
        assert decision.views[Q_MAP] == pytest.approx(np.rot90(base.views[Q_MAP], k), abs=1e-5)
        assert decision.action.z == pytest.approx(base.action.z, abs=1e-5)


def test_grasps_lie_near_objects_and_in_the_action_square(workspace: Workspace) -> None:
    policy = _policy()
    heightmap = _scene(workspace)
    for seed in range(20):
        for mode in ("random", "train"):
            d = policy.choose(
                Observation.of_heightmap(heightmap, workspace),
                Context(mode),
                np.random.default_rng(seed),
            )  # type: ignore[arg-type]
            pixel = decode_grasp(d.encoded)
            r, c = pixel.row, pixel.col
            assert workspace.contains_pixel(r, c)
            assert heightmap[max(0, r - 4) : r + 5, max(0, c - 4) : c + 5].max() > 0.005
            assert d.action.z >= workspace.floor_z + 0.01


def test_equal_seeds_choose_equal_grasps(workspace: Workspace) -> None:
    policy, observation = _policy(), Observation.of_heightmap(_scene(workspace), workspace)
    a, b, c = (
        policy.choose(observation, Context("train"), np.random.default_rng(s)) for s in (1, 1, 2)
    )
    assert a.encoded == b.encoded and a.action == b.action and a.encoded != c.encoded


def test_an_empty_workspace_is_an_error(workspace: Workspace) -> None:
    observation = Observation.of_heightmap(np.zeros((128, 128), np.float32), workspace)
    with pytest.raises(EmptyWorkspaceError, match="left"):
        _policy().choose(observation, Context("greedy"), np.random.default_rng(0))


def test_bad_weights_leave_the_old_ones_in_place(workspace: Workspace) -> None:
    policy, observation = _policy(), Observation.of_heightmap(_scene(workspace), workspace)
    before = policy.choose(observation, Context("train"), np.random.default_rng(0))
    tensors = read_parameters(policy._modules)
    with pytest.raises(WeightsError, match="some file"):
        policy.load({k: v * float("nan") for k, v in tensors.items()}, 7, "some file")
    after = policy.choose(observation, Context("train"), np.random.default_rng(0))
    assert policy.version == 0 and np.array_equal(before.views[Q_MAP], after.views[Q_MAP])
    policy.load({k: v + 0.05 for k, v in tensors.items()}, 7, "good file")
    changed = policy.choose(observation, Context("train"), np.random.default_rng(0))
    assert changed.policy_version == 7 and not np.allclose(
        changed.views[Q_MAP], before.views[Q_MAP]
    )


@pytest.mark.parametrize("name", ["asr_compact_ur5", "asr_cross_entropy_compact_ur5_pretrained"])
@pytest.mark.parametrize("along_rows", [True, False])
def test_the_shipped_weights_grasp_a_bar_across(
    workspace: Workspace, along_rows: bool, name: str
) -> None:
    package, config = load_method("asr:compact")
    policy = package.make_policy(config, package.make_networks(config, 0))
    path = models_dir() / f"{name}.safetensors"
    assert PROBE in load_trained_weights(policy, path, config, [workspace], "robotiq_2f_85")
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[45:83, 60:68] = 0.04  # 119 x 25 mm, long along the rows' axis
    if not along_rows:
        heightmap = np.ascontiguousarray(heightmap.T)
    decision = policy.choose(
        Observation.of_heightmap(heightmap, workspace), Context("greedy"), np.random.default_rng(0)
    )
    across = 4 if along_rows else 0  # yaw 0 opens along rows, bin 4 is a quarter turn
    pixel = decode_grasp(decision.encoded)
    distance = abs(pixel.rotation_bin - across)
    assert min(distance, 8 - distance) <= 1 and decision.value > 0.5
    chosen = decision.views[Q_MAP][pixel.row - 16, pixel.col - 16]
    assert (
        chosen > 0.85 and chosen - np.median(decision.views[Q_MAP]) > 0.35
    )  # with other signs 0.3, 0.7


def test_an_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Known methods: asr"):
        find_method("qtopt")


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_the_method_learns_which_grasps_fit(workspace: Workspace) -> None:
    """A toy world of bars: a grasp succeeds if it is on the bar and closes across it."""
    package, config = load_method("asr:tiny")
    config = override(config, {"training.learning_rate": "3e-3"})
    learner = package.make_learner(config, package.make_networks(config, 0), _square(96))
    rng = np.random.default_rng(0)

    def draw(count: int) -> GraspBatch:
        maps, rows, cols, bins, rewards = [], [], [], [], []
        for _ in range(count):
            heightmap = np.zeros((128, 128), np.float32)
            row, col = (int(v) for v in rng.integers(40, 88, 2))
            is_along_cols = bool(rng.random() < 0.5)
            half = (3, 12) if is_along_cols else (12, 3)
            heightmap[row - half[0] : row + half[0], col - half[1] : col + half[1]] = 0.05
            k = int(rng.integers(2)) * 4  # yaw 0 closes along rows, yaw 4 along columns
            maps.append(heightmap)
            rows.append(row)
            cols.append(col)
            bins.append(k)
            rewards.append(float((k == 0) == is_along_cols))
        return GraspBatch(
            torch.from_numpy(np.stack(maps)[:, None]), torch.tensor(rows), torch.tensor(cols),
            torch.tensor(bins), torch.tensor(rewards),
        )  # fmt: skip

    losses = [learner.train_step(draw(8), i)["loss_q2"] for i in range(60)]
    assert np.mean(losses[-10:]) < 0.25 * np.mean(losses[:10])
