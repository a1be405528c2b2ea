"""Every method's configuration: what it changes, how large it is, and that it learns."""

import copy
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from equigrasp.config import override, to_mapping
from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import decode_grasp, grasp_step, quantize
from equigrasp.learning.interfaces import Q_MAP, ROTATION_VALUES, Context
from equigrasp.learning.method import Method
from equigrasp.learning.method_names import known_methods
from equigrasp.learning.weight_store import read_parameters
from equigrasp.methods.registry import load_method
from equigrasp.networks.escnn_modules import enn
from equigrasp.perception.observation import Observation
from equigrasp.replay.step import Step

WORKSPACE = Workspace("left", 0.45, 0.21)

SINGLE_GRASPS = [m for m in known_methods() if m.partition("/")[0] in ("asr", "fcn")]
NAMES = [f"{m}:{s}" for m in SINGLE_GRASPS for s in ("compact", "paper")] + ["asr:tiny"]

NO_SOFTMAX = {"network.output": "linear"}
NO_FCB = NO_SOFTMAX | {
    "training.q1_target": "reward",
    "training.num_off_policy_pixels": 0,
    "training.num_failure_slots": 0,
}
FIRST_WEIGHTS = {  # what a compact `equigrasp` that begins with them learns otherwise
    "acting.train_temperature": 0.003,
    "acting.train_temperature_per_failure": 0.01,
    "training.first_weights": "asr_cross_entropy_compact_ur5_pretrained",
    "training.first_training_attempt": 1,
    "training.prior_labels": "asr_cross_entropy_compact_ur5_pretrained",
    "training.num_failure_slots": 2,
    "training.learning_rate": 3e-4,
    "training.average_decay": 0.98,
}
CHANGES = {  # configuration: what it extends, and what differs but for sizes
    "asr/no_equivariance": ("asr", {"network.kind": "conventional"}),
    "asr/no_fcb": ("asr", NO_FCB),
    "asr/no_augmentation_buffer": ("asr", {"training.num_copies": 0}),
    "asr/no_failure_priority": ("asr", {"training.num_failure_slots": 0}),
    "asr/no_on_policy_target": ("asr", {"training.q1_target": "reward"}),
    "asr/no_off_policy_loss": ("asr", {"training.num_off_policy_pixels": 0}),
    "asr/epsilon_greedy": ("asr", {"acting.exploration": "epsilon_greedy"}),
    "asr/c32": (
        "asr",
        {"network.num_rotations": 16, "training.batch_size": 16, "training.num_copies": 16},
    ),
    "asr/equ": (
        "asr",
        NO_FCB
        | {
            "network.is_patch_relative": False,
            "acting.exploration": "epsilon_greedy",
            "acting.num_random_attempts": 0,
            "training.first_training_attempt": 1,
            "training.num_copies": 0,
        },
    ),
    "asr/cross_entropy": ("asr", {"training.loss": "cross_entropy"}),
    "asr/equigrasp": (
        "asr/cross_entropy",
        {
            "training.precision": "auto",
            "acting.min_width": 0.035,
            "acting.edge_depth": 0.01,
            "acting.script_weight": 0.1,
            "acting.failure_penalty": 0.4,
        },
    ),
    "asr/baseline": ("asr", NO_FCB | {"network.kind": "residual"}),
    "asr/rad": ("asr/baseline", {"training.num_views": 1}),
    "asr/drq": ("asr/baseline", {"training.num_views": 2}),
    "fcn/rad": ("fcn", {"training.num_copies": 8, "training.num_views": 1}),
    "fcn/rot": (
        "fcn",
        {
            "network.yaws": "turned_inputs",
            "network.output": "softmax",
            "training.num_copies": 8,
            "training.num_failure_slots": 4,
        },
    ),
    "fcn/rad_rot": (
        "fcn/rot",
        NO_SOFTMAX | {"training.num_failure_slots": 0, "training.num_views": 1},
    ),
}
COMPACT = {  # what else differs in this size
    "asr/equigrasp": FIRST_WEIGHTS,
    "fcn/rot": {"training.learning_rate": 1e-4},
    "fcn/rad_rot": {"training.learning_rate": 1e-3},
}
COUNTS = {  # parameters of q1 and q2, or of q: paper, compact; the others' networks are like one of these
    "asr": ([6_048_738, 1_078_762], [93_726, 65_916]),
    "asr/no_fcb": ([6_048_721, 1_076_201], [93_709, 65_275]),
    "asr/equ": ([6_048_721, 1_076_201], [93_709, 65_275]),
    "asr/c32": ([6_048_738, 2_157_034], [93_726, 131_708]),
    "asr/no_equivariance": ([1_137_426, 122_096], [94_156, 65_742]),
    "asr/baseline": ([7_591_265, 38_127_624], [117_905, 39_240]),
    "fcn": ([7_591_496], [156_512]),
    "fcn/rot": ([7_591_298], [156_446]),
    "fcn/rad_rot": ([7_591_265], [156_435]),
}
EQUIVARIANT = list(COUNTS)[:4]
SIZES = {"network.q1_fields", "network.q2_fields", "network.q2_kernel_sizes", "network.channels"}


def _flat(name: str) -> dict:
    _, config = load_method(name)
    sections = to_mapping(config)
    method = {"method": sections.pop("method")}
    return method | {f"{s}.{k}": v for s, keys in sections.items() for k, v in keys.items()}


def test_each_configuration_is_listed_here() -> None:
    bases = {"asr:paper", "asr:compact", "asr:tiny", "fcn:paper", "fcn:compact"}
    assert bases | {f"{n}:{s}" for n in CHANGES for s in ("paper", "compact")} == set(NAMES)


@pytest.mark.parametrize("size", ["paper", "compact"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_configuration_changes_what_it_names_and_nothing_else(name: str, size: str) -> None:
    base, expected = CHANGES[name]
    ours, theirs = _flat(f"{name}:{size}"), _flat(f"{base}:{size}")
    changed = {k: v for k, v in ours.items() if v != theirs[k] and k not in SIZES}
    expected = expected | (COMPACT.get(name, {}) if size == "compact" else {})
    assert changed == expected
    is_resized = any(ours[k] != theirs[k] for k in SIZES & set(ours))
    assert not is_resized or expected.get("network.kind") in ("conventional", "residual")


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith(":compact")])
def test_compact_sizes_learn_at_the_pace_of_asr_compact(name: str) -> None:
    keys = ("network.input_scale", "training.learning_rate", "training.steps_per_attempt")
    slower = {"asr/equigrasp:compact": 3e-4, "fcn/rot:compact": 1e-4}  # each file says why
    assert [_flat(name)[k] for k in keys] == [10.0, slower.get(name, 1e-3), 2]


def _counts(name: str) -> dict[str, int]:
    package, config = load_method(name)
    with torch.device("meta"):
        modules = package.make_networks(config, 0)
    return {k: sum(p.numel() for p in m.parameters()) for k, m in modules.items()}


def test_paper_sizes_have_the_published_numbers_of_parameters() -> None:
    counts = _counts("asr/no_equivariance:paper")
    # Published: 1.137 M, and 0.138 M with the values of a primitive that is never used.
    unused = 16 * (64 * 4 * 4 + 1)
    assert counts == {"q1": 1_137_426, "q2": 122_096}
    assert [round(n / 1e6, 3) for n in (counts["q1"], counts["q2"] + unused)] == [1.137, 0.138]
    for name in ("asr/baseline:paper", "asr/rad:paper", "asr/drq:paper"):
        counts = _counts(name)
        assert round(counts["q1"] / 1e6, 2) == 7.59 and round(counts["q2"] / 1e6, 1) == 38.1
    for name in ("fcn:paper", "fcn/rad:paper", "fcn/rot:paper", "fcn/rad_rot:paper"):
        assert round(_counts(name)["q"] / 1e6, 2) == 7.59


@pytest.mark.parametrize("name", [n for n in COUNTS if n not in EQUIVARIANT])
def test_plain_networks_have_the_documented_numbers_of_parameters(name: str) -> None:
    found = [list(_counts(f"{name}:{size}").values()) for size in ("paper", "compact")]
    assert found == list(COUNTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUIVARIANT)
def test_equivariant_networks_have_the_documented_numbers_of_parameters(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enn.init, "generalized_he_init", lambda *a, **k: None)  # slow; no matter
    for size, expected in zip(("paper", "compact"), COUNTS[name], strict=True):
        package, config = load_method(f"{name}:{size}")
        modules = package.make_networks(config, 0)
        counts = [sum(p.numel() for p in modules[k].parameters()) for k in ("q1", "q2")]
        assert counts == expected
        if (name, size) == ("asr/c32", "paper"):  # published with a primitive that is never used
            unused = sum(p.numel() for p in modules["q2"].output.parameters())
            assert counts[1] + unused == 2_167_276


@pytest.mark.parametrize("name", ["asr/no_equivariance", "asr/baseline", "fcn", "fcn/rot"])
def test_compact_baselines_are_as_large_as_ours(name: str) -> None:
    ours = 93_726 + 65_916  # asr_compact
    assert sum(_counts(f"{name}:compact").values()) == pytest.approx(ours, rel=0.025)


def _transition(attempt: int, reward: float) -> Step:
    heightmap = np.zeros((128, 128))
    heightmap[50:70, 40:80] = 0.05
    return grasp_step(quantize(heightmap), 60, 50, attempt % 8, reward, attempt)


@functools.cache
def _large_networks(package: Method, network: Any) -> dict[str, torch.nn.Module]:
    """Return networks of a paper size, which take half a minute to build, with quickly drawn weights."""

    def draw(weights: torch.Tensor, *_: object, **__: object) -> None:
        weights.normal_(0.0, 0.03)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enn.init, "generalized_he_init", draw)
        return package.make_networks(SimpleNamespace(network=network), 0)


@pytest.fixture(scope="module", autouse=True)
def _forget_large_networks() -> Iterator[None]:
    yield
    _large_networks.cache_clear()  # gigabytes, which the tests that follow need not carry


@pytest.mark.parametrize(
    "name",
    [
        *(f"{m}:{'tiny' if m.startswith('asr') else 'compact'}" for m in SINGLE_GRASPS),
        *("asr:compact", "asr/equigrasp:compact"),
        *(pytest.param(f"{m}:paper", marks=pytest.mark.slow) for m in ("asr", "fcn", "fcn/rot")),
    ],
)
def test_one_training_step_moves_all_networks_and_the_policy_acts(
    name: str, tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, config = load_method(name)
    if name.endswith(":paper"):
        modules = copy.deepcopy(_large_networks(package, config.network))
        package = dataclasses.replace(package, make_networks=lambda *_: modules)
    size = 1 if name.endswith(":paper") else 2
    own = size - 1 if config.training.prior_labels else size
    slots = min(own, config.training.num_failure_slots)
    small = {
        "training.num_prior_slots": "1",
        "training.batch_size": str(size),
        "training.num_failure_slots": str(slots),
        "training.first_training_attempt": "1",
        "training.steps_per_attempt": "1",
    }
    config = override(config, small)
    learner = package.make_trainer(config, tmp_path, 1, WORKSPACE)
    before = read_parameters(learner.learner.modules)
    learner.add(_transition(0, 0.0), {})
    (report,) = learner.train_pending(5)
    assert np.isfinite(report.losses["loss"]) and report.losses["loss"] > 0
    after = read_parameters(learner.learner.modules)
    for module in learner.learner.modules:
        changed = [
            k for k in after if k.startswith(module) and not torch.equal(after[k], before[k])
        ]
        assert changed, module
    policy = package.make_policy(config, learner.learner.modules)
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[50:70, 40:80] = 0.05
    decision = policy.choose(
        Observation.of_heightmap(heightmap, workspace), Context("greedy"), np.random.default_rng(0)
    )
    assert decision.views[Q_MAP].shape == (96, 96)
    assert decision.views[ROTATION_VALUES].shape == (config.network.num_rotations,)
    assert (
        decision.value
        == decision.views[ROTATION_VALUES][decode_grasp(decision.encoded).rotation_bin]
    )


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("asr:tiny", "network.kind", "steerable", "'steerable' is not one of 'equivariant'"),
        ("asr:tiny", "network.output", "tanh", "output: 'tanh' is not one of 'softmax', 'linear'"),
        ("asr:tiny", "network.q2_kernel_sizes", "[3, 4, 3]", "q2_kernel_sizes must be odd"),
        ("asr:tiny", "training.q1_target", "max", "'max' is not one of 'best_other_yaw'"),
        ("asr:tiny", "training.num_views", "-1", "num_views must be at least 0, found -1"),
        ("asr:tiny", "training.num_failure_slots", "9", r"\[0, batch_size 8\], found 9"),
        ("asr:tiny", "acting.exploration", "greedy", "'greedy' is not one of 'boltzmann'"),
        ("asr:tiny", "acting.epsilon_end", "0.6", "epsilon_start 0.5 and epsilon_end 0.6"),
        ("fcn:compact", "network.yaws", "both", "'both' is not one of 'channels'"),
        ("fcn:compact", "network.channels", "[4]", "channels needs two or more"),
        ("fcn:compact", "training.num_off_policy_pixels", "3", "unknown key 'num_off_policy"),
        ("fcn:compact", "network.kind", "equivariant", "unknown key 'kind'"),
    ],
)
def test_an_option_that_does_not_fit_is_named(
    name: str, key: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        override(load_method(name)[1], {key: value})
