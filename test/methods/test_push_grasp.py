"""Push-grasp: what its networks see, what it learns from, what it chooses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equigrasp.errors import ConfigError, PerceptionError, ReplayError
from equigrasp.geometry.actions import PixelGrasp, PixelPush, PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import (
    PUSH_MAP,
    Attempt,
    Context,
    Decision,
    EmptyWorkspaceError,
    PushLimits,
)
from equigrasp.learning.learned_segmenter import LearnedSegmenter
from equigrasp.learning.weight_store import read_parameters
from equigrasp.methods.push_grasp.batches import PushGraspBatches
from equigrasp.methods.push_grasp.config import NetworkConfig, PushGraspConfig
from equigrasp.methods.push_grasp.critic_input import GraspViews, critic_input
from equigrasp.methods.push_grasp.decision_step import (
    decode_action,
    encode,
    encode_action,
    make_spec,
)
from equigrasp.methods.push_grasp.learner import make_learner
from equigrasp.methods.push_grasp.losses import critic_loss, grasp_loss, push_loss
from equigrasp.methods.push_grasp.networks import CRITIC, GRASP, PUSH, SEGMENTER, make_networks
from equigrasp.methods.push_grasp.policy import PushGraspPolicy, make_policy
from equigrasp.methods.push_grasp.push_input import push_view
from equigrasp.methods.push_grasp.stages import train_segmenter
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation
from equigrasp.replay.grasp_scenes import GraspOutcomeKind, GraspScene
from equigrasp.replay.step import Step

TABLE = Workspace("table", 0.45, -0.1, ceiling_z=0.35, heightmap_size_px=160, action_size_px=128)
_SIZE = 160


def _observation(target: int | None = 1) -> Observation:
    """Return a bar along rows at the middle (1), and a box beside it (2)."""
    heightmap = np.zeros((_SIZE, _SIZE), np.float32)
    labels = np.zeros((_SIZE, _SIZE), np.uint8)
    heightmap[70:95, 78:84], labels[70:95, 78:84] = 0.03, 1
    heightmap[74:86, 95:107], labels[74:86, 95:107] = 0.05, 2
    goal = {} if target is None else {TARGET: labels == target}
    return Observation({HEIGHTMAP: heightmap, LABELS: labels}, TABLE, goal=goal)


@pytest.fixture(scope="module")
def config() -> PushGraspConfig:
    return load_method("push_grasp:tiny")[1]


@pytest.fixture(scope="module")
def policy(config: PushGraspConfig) -> PushGraspPolicy:
    return make_policy(config, make_networks(config, 0))


def test_graspnet_is_asked_once_for_all_targets_of_a_scene(config: PushGraspConfig) -> None:
    """And anew where heights or weights have changed, with what a new policy would say."""
    modules, asked = make_networks(config, 3), []
    policy = make_policy(config, modules)
    modules[GRASP].register_forward_pre_hook(lambda *_: asked.append(1))

    def found(observation: Observation) -> list[float]:
        return [
            float(value)
            for label in (1, 2)
            for value in policy.rate(observation, observation.arrays[LABELS] == label).values
        ]

    def of_a_new_policy(observation: Observation) -> list[float]:
        fresh = make_policy(config, make_networks(config, 3))
        tensors = {k: v.detach().clone() for k, v in read_parameters(modules).items()}
        fresh.load(tensors, 1, "test")
        masks = [observation.arrays[LABELS] == label for label in (1, 2)]
        return [float(v) for mask in masks for v in fresh.rate(observation, mask).values]

    observation = _observation()
    first = found(observation)
    assert len(asked) == 1 and first == of_a_new_policy(observation)
    observation.arrays[HEIGHTMAP][80, 80] += 0.02  # in place
    second = found(observation)
    assert len(asked) == 2 and second != first and second == of_a_new_policy(observation)
    tensors = {k: 1.1 * v.detach() for k, v in read_parameters(modules).items()}
    policy.load(tensors, 1, "test")
    third = found(observation)
    assert len(asked) == 3 and third != second and third == of_a_new_policy(observation)


def test_the_compact_size_has_the_parameters_that_the_docs_name() -> None:
    modules = make_networks(load_method("push_grasp:compact")[1], 0)
    counts = {name: sum(p.numel() for p in m.parameters()) for name, m in modules.items()}
    assert counts == {
        GRASP: 70_670,
        CRITIC: 42_333,
        PUSH: counts[PUSH],
        "threshold": 1,
        SEGMENTER: 93_709,
    }
    assert 40_000 < counts[PUSH] < 80_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"group_order": 5}, "group_order must be even"),
        ({"num_yaws": 16}, "num_yaws must be a multiple of 3"),
        ({"num_directions": 16}, "num_directions must be a multiple of 6"),
        ({"node_fields": 3}, "node_fields must be a multiple of attention_heads 2"),
        ({"push_fields": (4,)}, "push_fields needs two numbers"),
    ],
)
def test_networks_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        NetworkConfig(**change)  # type: ignore[arg-type]


def _views(theta: float = 0.0) -> GraspViews:
    o = _observation()
    return GraspViews(
        o.heightmap[None],
        o.arrays[LABELS][None],
        np.array([1]),
        np.array([[82, 81]]),
        np.array([theta]),
        np.array([0.05]),
        TABLE.pixel_size,
    )


def test_the_critic_sees_heights_target_all_and_the_grasp_about_the_grasp() -> None:
    (crop,) = critic_input(_views(np.pi / 2), 64, 10.0).numpy()
    heights, target, everything, picture = crop
    assert heights[32, 32] == pytest.approx(0.3, abs=0.02)
    assert target[32, 32] == 1.0 and target[32, 50] == 0.0
    assert everything[30, 50] == pytest.approx(1.0)  # the box beside it
    assert picture[32, 32] == pytest.approx(0.5)
    assert picture[32, 32 + 10] > 0.9 and picture[32 + 10, 32] == 0.0  # closes along columns


def test_a_turned_view_turns_scene_and_grasp_alike() -> None:
    straight = critic_input(_views(0.3), 64, 10.0).numpy()[0]
    turned = critic_input(_views(0.3), 64, 10.0, np.array([np.pi / 2])).numpy()[0]
    for a, b in zip(straight, turned, strict=True):
        expected = np.rot90(a, 1)  # rows towards columns
        assert np.abs(b - expected)[4:-4, 4:-4].max() < 0.05
    mirrored = critic_input(_views(0.3), 64, 10.0, None, np.array([True])).numpy()[0]
    for a, b in zip(straight, mirrored, strict=True):
        assert np.abs(b - a[:, ::-1])[4:-4, 4:-4].max() < 0.05


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 3, 9, 14])
def test_a_push_towards_the_target_points_at_it_in_every_view(
    turn: int, is_mirrored: bool
) -> None:
    o = _observation()
    view = push_view(o.heightmap, o.arrays[LABELS], 1, 96, 10.0, 18, turn, is_mirrored)
    push = PixelPush(82, 101, 0)  # in the box, along rows: past the target
    towards = replace(push, direction_bin=13)  # 260 degrees: down the columns
    assert view.masks[0].sum() == pytest.approx(150, rel=0.1) and len(view.masks) == 2
    seen = view.to_crop(towards)
    assert view.contains(seen) and view.masks[1][seen.row, seen.col]
    angle = 2 * np.pi * seen.direction_bin / 18
    ways = np.arange(0, 40)
    rows = np.round(seen.row + ways * np.cos(angle)).astype(int)
    cols = np.round(seen.col + ways * np.sin(angle)).astype(int)
    assert view.masks[0][rows, cols].any()
    assert view.to_scene(seen) in [
        PixelPush(towards.row + i, towards.col + j, 13) for i in (-1, 0, 1) for j in (-1, 0, 1)
    ]
    assert view.to_scene(view.to_crop(push)).direction_bin == 0


def test_losses_are_what_they_say() -> None:
    logits = torch.zeros(1, 18, 4, 4)
    logits[0, 3, 1, 2] = 2.0
    grasps = torch.tensor([[1, 2, 3], [0, 0, 0]])
    loss = grasp_loss(logits, torch.tensor([0, 0]), grasps, torch.tensor([1.0, 0.0]))
    expected = (np.log(1 + np.exp(-2.0)) + np.log(2.0)) / 2
    assert float(loss) == pytest.approx(expected)
    assert float(critic_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))) == pytest.approx(0.25)
    values = torch.zeros(2, 18, 4, 4)
    values[0, 3, 1, 2] = 0.5
    pushes = torch.tensor([[1, 2, 3], [0, 0, 0]])
    loss = push_loss(values, pushes, torch.tensor([1.0, -2.0]))  # 0.5 of it square, 2 linear
    assert float(loss) == pytest.approx((0.5 * 0.25 + (2.0 - 0.5)) / 2)


def test_decisions_survive_encoding_and_meet_the_spec(config: PushGraspConfig) -> None:
    spec = make_spec(config, TABLE)
    for action in (PixelGrasp(80, 81, 17), PixelPush(40, 50, 11)):
        encoded = encode_action(action)
        assert decode_action(encoded) == action
        spec.check(Step(0, 0, encode(_observation()), encoded, -0.5))
    with pytest.raises(ReplayError, match="without a target"):
        encode(_observation(None))
    empty = replace(_observation(), goal={TARGET: np.zeros((_SIZE, _SIZE), bool)})
    with pytest.raises(ReplayError, match="no labelled object"):
        encode(empty)


def test_the_policy_grasps_what_it_is_asked_for(policy: PushGraspPolicy) -> None:
    rng = np.random.default_rng(0)
    done = Context("greedy", tuple(_pushed() for _ in range(5)))
    for target in (1, 2):
        observation = _observation(target)
        for context in (done, Context("random")):
            decision = policy.choose(observation, context, rng)
            assert isinstance(decision.action, PlanarGrasp)
            row, col = TABLE.xy_to_pixel(decision.action.x, decision.action.y)
            assert observation.arrays[LABELS][row, col] == target
    assert isinstance(policy.choose(_observation(None), done, rng).action, PlanarGrasp)


def _pushed() -> Attempt:
    return Attempt("table", encode_action(PixelPush(1, 1, 1)), 0.0)


def test_it_pushes_where_the_score_is_low_and_not_too_often(config: PushGraspConfig) -> None:
    modules = make_networks(config, 0)
    modules["threshold"].value.data.fill_(1.0)  # type: ignore[operator,union-attr]
    policy, rng = make_policy(config, modules), np.random.default_rng(0)
    for num in range(config.acting.max_pushes):
        context = Context("greedy", tuple(_pushed() for _ in range(num)))
        action = policy.choose(_observation(), context, rng).action
        assert isinstance(action, Push) and TABLE.contains_xy(action.x, action.y)
        assert action.length == pytest.approx(0.10)
    last = Context("greedy", tuple(_pushed() for _ in range(config.acting.max_pushes)))
    assert isinstance(policy.choose(_observation(), last, rng).action, PlanarGrasp)
    modules["threshold"].value.data.fill_(0.0)  # type: ignore[operator,union-attr]
    assert isinstance(policy.choose(_observation(), Context("greedy"), rng).action, PlanarGrasp)


def test_limits_of_a_request_outdo_the_weights(config: PushGraspConfig) -> None:
    policy, rng = make_policy(config, make_networks(config, 0)), np.random.default_rng(0)

    def chosen(*limits: float) -> Decision[Any]:
        context = Context("greedy", (), PushLimits(*limits))  # type: ignore[arg-type]
        return policy.choose(_observation(), context, rng)

    assert isinstance(chosen(0, 5, 0.0).action, PlanarGrasp)
    assert isinstance(chosen(5, 5, 1.0).action, PlanarGrasp)
    pushed = chosen(4, 5, 1.0)
    assert isinstance(pushed.action, Push)
    values, border = pushed.views[PUSH_MAP], TABLE.border_px
    row, col = (int(pushed.encoded[key]) - border for key in ("row", "col"))
    assert values.shape == (TABLE.action_size_px,) * 2
    assert values[row, col] == np.nanmax(values) and np.isnan(values).any()
    with pytest.raises(ConfigError, match=r"score_threshold must be in \[0, 1\], found 1.5"):
        PushLimits(0, 5, 1.5)


def test_random_pushes_touch_something_near_the_target(policy: PushGraspPolicy) -> None:
    observation, rng = _observation(), np.random.default_rng(0)
    target = observation.goal[TARGET]
    pushes = [policy.random_push(observation, target, rng) for _ in range(20)]
    assert len({p.direction_bin for p in pushes if p}) > 8
    for push in pushes:
        assert push is not None
        assert policy.push_rule.touches(observation.arrays[LABELS], push, TABLE)


def test_what_cannot_be_fetched_is_said(policy: PushGraspPolicy) -> None:
    rng, context = np.random.default_rng(0), Context("greedy")
    bare = Observation.of_heightmap(np.zeros((_SIZE, _SIZE), np.float32), TABLE)
    with pytest.raises(PerceptionError, match="needs labels"):
        policy.choose(bare, context, rng)
    empty = Observation({**bare.arrays, LABELS: np.zeros((_SIZE, _SIZE), np.uint8)}, TABLE)
    with pytest.raises(EmptyWorkspaceError, match="no object is labelled"):
        policy.choose(empty, context, rng)
    nowhere = replace(_observation(), goal={TARGET: np.zeros((_SIZE, _SIZE), bool)})
    with pytest.raises(PerceptionError, match="not to be seen"):
        policy.choose(nowhere, context, rng)
    small = replace(_observation(), goal={TARGET: np.ones((8, 8), bool)})
    with pytest.raises(PerceptionError, match="has shape"):
        policy.choose(small, context, rng)


def test_the_probe_is_symmetric_and_answers_alike(policy: PushGraspPolicy) -> None:
    probe = policy.probe()
    assert probe.symmetry_error is not None and probe.symmetry_error < 1e-4
    assert len(probe.answers) == 18 and probe == policy.probe()


def _batches(config: PushGraspConfig, folder: Path | None) -> PushGraspBatches:
    prior = (str(folder),) if folder else ()
    training = replace(config.training, batch_size=4, critic_batch_size=6, prior_scenes=prior)
    return PushGraspBatches(replace(config, training=training), TABLE, 0, torch.device("cpu"))


def _steps() -> list[Step]:
    seen = encode(_observation())
    actions = [(PixelGrasp(82, 81, 9), 0.0), (PixelPush(80, 101, 13), 0.3)]
    return [Step(i, i, seen, encode_action(a), r) for i, (a, r) in enumerate(actions)]


def test_batches_hold_pushes_own_grasps_and_labels_of_before(
    config: PushGraspConfig, tmp_path: Path
) -> None:
    o = _observation()
    grasps = np.array([[1, 82, 81, 9, GraspOutcomeKind.TARGET]], np.int32)
    GraspScene(o.heightmap, o.arrays[LABELS], grasps, np.array([0.06]), 18).save(
        tmp_path / "scene_00000.npz"
    )
    batches = _batches(config, tmp_path)
    grasp, push = _steps()
    batches.add(grasp)
    batches.add(push)
    before = batches.sample(0, 7)  # the push is not yet known
    assert len(before.pushes) == 0 and before.success.tolist() == [0.0] * 3 + [1.0] * 3
    batch = batches.sample(1, 7)
    assert batch.maps.shape == (4, 2, 96, 96) and len(batch.masks) == 4
    assert batch.rewards.tolist() == pytest.approx([0.3] * 4)
    again = batches.sample(1, 7)
    assert torch.equal(batch.maps, again.maps) and torch.equal(batch.crops, again.crops)
    assert not torch.equal(batch.maps, batches.sample(1, 8).maps)
    for mask, (row, col, _) in zip(batch.masks, batch.pushes.tolist(), strict=True):
        assert mask[1, row, col]  # it begins in the box, however the scene is turned
    assert batches.num_bytes == _SIZE * _SIZE * 3  # one state for both steps


def test_scenes_of_another_size_and_empty_folders_are_refused(
    config: PushGraspConfig, tmp_path: Path
) -> None:
    with pytest.raises(ReplayError, match="no labelled scenes"):
        _batches(config, tmp_path)
    small = np.zeros((128, 128), np.float32)
    none = np.zeros((0, 5), np.int32)
    GraspScene(small, small.astype(np.uint8), none, np.zeros(0), 18).save(
        tmp_path / "scene_00000.npz"
    )
    with pytest.raises(ReplayError, match="maps of 128 px"):
        _batches(config, tmp_path)


def test_learning_moves_push_and_critic_and_leaves_graspnet(config: PushGraspConfig) -> None:
    modules = make_networks(config, 0)
    learner = make_learner(config, modules, TABLE)
    batches = _batches(config, None)
    for step in _steps():
        batches.add(step)
    before = {n: [p.clone() for p in m.parameters()] for n, m in modules.items()}
    losses = [learner.train_step(batches.sample(1, k), k) for k in range(30)]
    assert set(losses[0]) == {"loss", "loss_push", "loss_critic"}
    assert losses[-1]["loss"] < losses[0]["loss"]
    moved = {
        name: any(not torch.equal(p, q) for p, q in zip(before[name], m.parameters(), strict=True))
        for name, m in modules.items()
    }
    assert moved == {GRASP: False, CRITIC: True, PUSH: True, "threshold": False, SEGMENTER: False}


def test_the_segmenter_learns_where_objects_are(config: PushGraspConfig) -> None:
    network = make_networks(config, 0)[SEGMENTER]
    o = _observation()
    scene = GraspScene(o.heightmap, o.arrays[LABELS], np.zeros((0, 5), np.int32), np.zeros(0), 18)
    adam = torch.optim.Adam(network.parameters(), 0.02)
    rng = np.random.default_rng(0)
    losses = [
        loss
        for _ in range(40)
        for loss in train_segmenter(network, adam, [scene] * 2, config, rng)
    ]
    assert losses[-1] < 0.5 * losses[0]
    network.eval()
    depth = LearnedSegmenter(network).depth(o.heightmap)
    assert depth[o.arrays[LABELS] > 0].mean() > 2.0 * depth[o.arrays[LABELS] == 0].mean()
