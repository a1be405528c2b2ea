"""Push-grasp's baselines and ablations: what each changes, that it acts, and what pushes it chooses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from equigrasp.config import override, to_mapping
from equigrasp.errors import ConfigError
from equigrasp.geometry.actions import PixelPush, PlanarGrasp, Push
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Context
from equigrasp.learning.method_names import known_methods
from equigrasp.methods.push_grasp.grasp_choice import heuristic_grasps
from equigrasp.methods.push_grasp.networks import CRITIC, GRASP, PUSH, make_networks
from equigrasp.methods.push_grasp.policy import make_policy
from equigrasp.methods.push_grasp.push_choice import imagined_push, nearest_push
from equigrasp.methods.push_grasp.rule import make_push_rule, make_rule
from equigrasp.methods.registry import load_method
from equigrasp.networks.graph_attention import StarAttention
from equigrasp.networks.steerable_blocks import cyclic
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation
from equigrasp.perception.push_imagination import imagine_push

TABLE = Workspace("table", 0.45, -0.1, ceiling_z=0.35, heightmap_size_px=160, action_size_px=128)
_SCRIPT = {
    "acting.grasp_choice": "heuristic",
    "acting.push_choice": "imagined",
    "acting.score_threshold": 0.94,
}
CHANGES: dict[str, dict[str, Any]] = {  # but for the sizes of networks
    "plain": {"network.kind": "plain"},
    "plain_no_push": {"network.kind": "plain", "acting.max_pushes": 0},
    "no_push": {"acting.max_pushes": 0},
    "random_push": {"acting.push_choice": "random"},
    "nearest_push": {"acting.push_choice": "nearest"},
    "imagined_push": {"acting.push_choice": "imagined"},
    "script_grasp": _SCRIPT,
    "script_grasp_no_push": {**_SCRIPT, "acting.max_pushes": 0},
    "hand_reward": {"training.reward": "hand"},
    "sparse_reward": {"training.reward": "sparse"},
    "no_finetuning": {"training.critic_learning_rate": 0.0},
    "frozen_critic": {"training.judge": "first"},
    "no_graph": {"network.attention_heads": 0},
    "all_pairs": {"network.graph": "all"},
    "threshold_12": {"network.attention_threshold": 0.12},
    "threshold_30": {"network.attention_threshold": 0.30},
    "c12": {"network.group_order": 12, "network.num_directions": 24},
    "no_rerank": {"acting.num_candidates": 1},
    "no_own_labels": {"training.own_share": 0.0},
}


def _flat(name: str) -> dict[str, Any]:
    sections = to_mapping(load_method(name)[1])
    sections.pop("method")
    return {f"{s}.{k}": v for s, keys in sections.items() for k, v in keys.items()}


def test_each_variant_changes_what_it_names_and_nothing_else() -> None:
    assert {f"push_grasp/{name}" for name in CHANGES} | {"push_grasp"} == {
        m for m in known_methods() if m.partition("/")[0] == "push_grasp"
    }
    for name, expected in CHANGES.items():
        for size in ("compact", "paper"):
            ours, base = _flat(f"push_grasp/{name}:{size}"), _flat(f"push_grasp:{size}")
            changed = {k: v for k, v in ours.items() if v != base[k]}
            resized = {k for k in changed if k.endswith("_fields")}
            first = changed.pop(
                "training.first_weights", ""
            )  # those of push_grasp fit no other networks
            assert (first == "none") == any(k.startswith("network.") for k in changed)
            assert {k: v for k, v in changed.items() if k not in resized} == expected
            assert not resized or name.partition("_")[0] in ("plain", "c12")


def _observation() -> Observation:
    """Return a bar along rows at the middle, the target (1), a box 1 px beside it (2), a far one (3)."""
    heightmap, labels = np.zeros((160, 160), np.float32), np.zeros((160, 160), np.uint8)
    heightmap[70:95, 76:82], labels[70:95, 76:82] = 0.03, 1
    heightmap[74:86, 83:95], labels[74:86, 83:95] = 0.05, 2
    heightmap[110:120, 40:50], labels[110:120, 40:50] = 0.03, 3
    return Observation({HEIGHTMAP: heightmap, LABELS: labels}, TABLE, goal={TARGET: labels == 1})


@pytest.fixture(scope="module")
def modules() -> dict[str, torch.nn.Module]:
    return make_networks(load_method("push_grasp:tiny")[1], 0)


_REBUILT = [n for n, c in CHANGES.items() if any(k.startswith("network") for k in c)]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n in _REBUILT and n != "plain" else [])
        for n in CHANGES
    ],
)
def test_each_variant_builds_and_acts(name: str, modules: dict[str, torch.nn.Module]) -> None:
    config = load_method(f"push_grasp/{name}:tiny")[1]
    is_own = name in _REBUILT
    policy = make_policy(config, make_networks(config, 0) if is_own else modules)
    decision = policy.choose(_observation(), Context("greedy"), np.random.default_rng(0))
    if config.acting.max_pushes == 0:
        assert isinstance(decision.action, PlanarGrasp)
    assert isinstance(decision.action, (PlanarGrasp, Push)) and 0.0 <= decision.value <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "c12"])
def test_networks_without_our_symmetry_are_as_large_as_ours(name: str) -> None:
    counts = [
        {k: sum(p.numel() for p in m.parameters()) for k, m in make_networks(config, 0).items()}
        for config in (
            load_method(f"{m}:compact")[1] for m in ("push_grasp", f"push_grasp/{name}")
        )
    ]
    for network in (GRASP, CRITIC, PUSH):
        assert counts[1][network] == pytest.approx(counts[0][network], rel=0.035)


def test_values_that_no_variant_has_are_refused() -> None:
    config = load_method("push_grasp:tiny")[1]
    for key, value in {
        "acting.push_choice": "best",
        "training.reward": "none",
        "training.own_share": "-0.5",
        "network.graph": "ring",
    }.items():
        with pytest.raises(ConfigError, match=key.partition(".")[2]):
            override(config, {key: value})


def test_the_nearest_push_takes_the_neighbour_away_from_the_target() -> None:
    seen = _observation()
    rule = make_push_rule(load_method("push_grasp:tiny")[1])
    push = nearest_push(seen, seen.goal[TARGET], rule)
    assert push is not None
    # Between bar and box, and away along columns: 80 or 100 degrees are the bins nearest to 90.
    assert abs(push.col - 82) <= 1 and 74 <= push.row <= 85 and push.direction_bin in (4, 5)
    lone = seen.arrays[LABELS] * (seen.arrays[LABELS] == 1)
    alone = replace(seen, arrays={**seen.arrays, LABELS: lone})
    assert nearest_push(alone, seen.goal[TARGET], rule) is None


def test_the_imagined_push_is_the_one_whose_outcome_is_judged_best() -> None:
    seen = _observation()
    rule = make_push_rule(load_method("push_grasp:tiny")[1])
    judged: list[float] = []

    def room(after: Observation, target: np.ndarray) -> float:
        others = np.argwhere((after.arrays[LABELS] > 0) & ~target)
        own = np.argwhere(target)
        judged.append(float(np.linalg.norm(others[:, None] - own[None], axis=2).min()))
        return judged[-1]

    push = imagined_push(seen, seen.goal[TARGET], rule, room)
    assert push is not None and 2 <= len(judged) <= 24
    assert max(judged) > 10.0  # the box that was 2 px away
    after = imagine_push(seen.heightmap, seen.arrays[LABELS], push, rule, TABLE)
    moved = np.nonzero(after.way)[0].tolist()
    assert moved in ([1], [2])  # one of the two, not both together


def test_the_heuristic_alone_grasps_the_bar_across_its_narrow_side() -> None:
    seen = _observation()
    rule = make_rule(load_method("push_grasp:tiny")[1])
    box = seen.arrays[LABELS] == 2
    alone = replace(seen, arrays={**seen.arrays, HEIGHTMAP: seen.heightmap * ~box})
    rated = heuristic_grasps(alone, seen.goal[TARGET], rule, 8)
    assert len(rated.grasps) == 8 * 18 and (np.diff(rated.scores) <= 0.0).all()
    assert abs(rated.grasps[0].rotation_bin - 9) <= 1 and rated.scores[0] > 0.7
    assert rated.yaw_values.argmax() == rated.grasps[0].rotation_bin


def test_a_complete_graph_lets_neighbours_look_at_each_other() -> None:
    torch.manual_seed(0)
    star = StarAttention(cyclic(2), 2, 1, 10.0)
    full = StarAttention(cyclic(2), 2, 1, 10.0, is_complete=True)
    full.load_state_dict(star.state_dict())
    nodes = torch.randn(3, 4)
    places = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    changed = nodes.clone()
    changed[2] += 1.0
    for layer, is_seen in ((star, False), (full, True)):
        layer.eval()
        before, after = layer(nodes, places)[1], layer(changed, places)[1]
        assert torch.allclose(before, after) is not is_seen


def test_random_pushes_follow_the_generator(modules: dict[str, torch.nn.Module]) -> None:
    config = load_method("push_grasp/random_push:tiny")[1]
    policy = make_policy(config, modules)
    seen = _observation()

    def push(seed: int) -> PixelPush | None:
        chosen = policy.push_for(seen, seen.goal[TARGET], np.random.default_rng(seed))
        return None if chosen is None else chosen.best

    assert push(0) == push(0) and len({push(k) for k in range(6)}) > 3
