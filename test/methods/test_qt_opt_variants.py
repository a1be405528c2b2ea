"""QT-Opt's configurations: what each changes, that it learns and acts, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from servo_steps import WORKSPACE, make_run, observe

from equigrasp.config import override, to_mapping
from equigrasp.errors import ConfigError
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Context
from equigrasp.learning.method_names import known_methods
from equigrasp.learning.weight_store import read_parameters
from equigrasp.methods.registry import load_method

_NO_SYMMETRY = {"network.symmetry": "none"}
_BASE = _NO_SYMMETRY | {"network.frame": "base"}
CHANGES: dict[str, dict[str, Any]] = {  # of `compact`
    "image_only": {"network.state": "image"},
    "image_status": {"network.state": "image_status"},
    "no_penalty": {"action.step_penalty": 0.0},
    "low_discount": {"action.step_penalty": 0.0, "action.discount": 0.7},
    "published_penalty": {"action.step_penalty": 0.05},
    "learned_end": {"action.termination": "learned"},
    "scripted_end": {"action.termination": "scripted"},
    "single": {"training.target": "single"},
    "double": {"training.target": "double"},
    "monte_carlo": {"training.target": "monte_carlo"},
    "decay_99": {"training.average_decay": 0.99},
    "decay_9999": {"training.average_decay": 0.9999},
    "squared_error": {"training.loss": "squared_error"},
    "middle": {"network.merge": "middle"},
    "no_symmetry": _NO_SYMMETRY,
    "symmetric": {"network.symmetry": "network"},
    "base_frame": _BASE,
    "color": _BASE | {"network.observation": "color", "network.crop_px": 64},
    "one_head": {"network.heads": 1},
    "five_heads": {"network.heads": 5},
    "least_head": {"training.target_heads": "min"},
    "no_prior": {"training.num_prior_episodes": 0},
    "half_uses": {"training.steps_per_attempt": 1},
    "executed_motion": {"training.motion": "executed"},
    "weak": {"training.num_prior_episodes": 100, "training.first_training_attempt": 600},
}
SMALL_PUBLISHED = {
    "network.crop_px": "36",
    "network.camera_px": "[40, 48]",
    "network.width": "4",
    "network.pools": "[2, 1, 1]",
    "network.num_convolutions": "[1, 1, 1]",
    "search.num_samples": "16",
    "training.batch_size": "4",
}


def _flat(name: str) -> dict[str, Any]:
    sections = to_mapping(load_method(name)[1])
    sections.pop("method")
    return {f"{s}.{k}": v for s, keys in sections.items() for k, v in keys.items()}


def test_each_variant_changes_what_it_names_and_nothing_else() -> None:
    assert {f"qt_opt/{name}" for name in CHANGES} | {"qt_opt"} == {
        m for m in known_methods() if m.partition("/")[0] == "qt_opt"
    }
    base = _flat("qt_opt:compact")
    for name, expected in CHANGES.items():
        ours = _flat(f"qt_opt/{name}:compact")
        assert {k: v for k, v in ours.items() if v != base[k]} == expected, name


def test_the_paper_size_is_as_published() -> None:
    method, config = load_method("qt_opt:paper")
    with torch.device("meta"):
        (network,) = method.make_networks(config, 0).values()
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 1_242_817
    search, action, training = config.search, config.action, config.training
    assert (search.num_samples, search.num_elites, search.num_iterations) == (64, 6, 2)
    assert (action.step_penalty, action.discount, action.max_steps) == (0.05, 0.9, 20)
    assert (training.optimizer, training.learning_rate, training.momentum) == ("sgd", 1e-4, 0.9)
    assert (training.average_decay, training.weight_decay) == (0.9999, 7e-5)
    assert (action.termination, training.target) == ("learned", "clipped")


def _learn_and_act(name: str, keys: dict[str, str]) -> None:
    """Take one SGD step, which moves all that is trained, and make one decision."""
    method, config = load_method(name)
    config = override(config, keys)
    modules = method.make_networks(config, 0)
    batches = method.make_batches(config, WORKSPACE, 0, torch.device("cpu"))
    for step in make_run(config, 24):
        method.make_spec(config, WORKSPACE).check(step)
        batches.add(step)
    learner = method.make_learner(config, modules, WORKSPACE)
    before = read_parameters(modules)
    for number in range(2):  # what dead units hide at first
        losses = learner.train_step(batches.sample(23, number), number)
    assert set(losses) == set(method.metrics) and all(np.isfinite(v) for v in losses.values())
    assert losses["loss"] > 0.0 and 0.0 < losses["q_value"] < 1.0
    changed = [k for k, v in read_parameters(modules).items() if not torch.equal(v, before[k])]
    assert len(changed) >= 0.8 * len(before)
    policy = method.make_policy(config, method.make_networks(config, 0))
    policy.load(learner.targets.weights(), 2, "learner")
    seen = observe(config, 3)
    decision = policy.choose(seen, Context("greedy"), np.random.default_rng(0))
    assert isinstance(decision.action, GripperStep) and 0.0 <= decision.value <= 1.0
    assert decision.policy_version == 2
    answers = policy.probe().answers
    assert len(answers) == 4 and all(0.0 <= a <= 1.0 for a in answers)


@pytest.mark.parametrize("name", ["", *(f"/{n}" for n in CHANGES)])
def test_each_variant_learns_and_acts(name: str) -> None:
    _learn_and_act(f"qt_opt{name}:tiny", {})


def test_the_published_algorithm_learns_and_acts_small() -> None:
    _learn_and_act("qt_opt:published", SMALL_PUBLISHED)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["compact", "published"])
def test_other_sizes_learn_and_act(size: str) -> None:
    _learn_and_act(f"qt_opt:{size}", {"training.batch_size": "4"})


@pytest.mark.slow
def test_the_paper_size_learns_and_acts() -> None:
    keys = {"training.batch_size": "2", "search.num_samples": "8", "search.num_elites": "2"}
    _learn_and_act("qt_opt:paper", keys)


@pytest.mark.parametrize(
    ("name", "key", "value", "match"),
    [
        ("tiny", "network.crop_px", "30", "crop_px must be a multiple of 8, found 30"),
        ("tiny", "network.frame", "base", "symmetry augment needs frame gripper"),
        ("tiny", "network.observation", "color", "symmetry augment needs frame gripper"),
        ("tiny", "network.kind", "published", "kind published has merge middle and heads 1"),
        ("tiny", "network.merge", "early", "'early' is not one of 'late', 'middle'"),
        ("published", "network.crop_px", "80", r"camera_px \(70, 87\) must not be below"),
        ("published", "network.frame", "gripper", "observation color needs frame base"),
        ("tiny", "network.pools", "[0, 1, 1]", r"pools must be at least 1, found \(0, 1, 1\)"),
        ("tiny", "action.largest_step", "[0.05, 0.05, 0.0, 0.8]", "largest_step must be positive"),
        ("tiny", "action.discount", "0.0", r"discount must be in \(0, 1\], found 0.0"),
        ("tiny", "action.step_penalty", "-0.1", "step_penalty must be at least 0"),
        ("tiny", "action.termination", "never", "'never' is not one of 'learned'"),
        ("tiny", "acting.epsilon", "1.2", r"epsilon must be in \[0, 1\], found 1.2"),
        ("tiny", "acting.exploration_shares", "[0.5, 0.2, 0.2]", "must sum to 1"),
        ("tiny", "search.num_elites", "17", r"num_elites must be in \[2, num_samples 16\]"),
        ("tiny", "training.target", "triple", "'triple' is not one of 'single'"),
        ("tiny", "training.optimizer", "rmsprop", "'rmsprop' is not one of 'adam', 'sgd'"),
        ("tiny", "training.momentum", "1.0", r"momentum must be in \[0, 1\), found 1.0"),
        ("tiny", "training.prior_share", "0.9", "must not sum to more than 1"),
        ("tiny", "training.target_period", "0", "target_period must be at least 1"),
    ],
)
def test_an_option_that_does_not_fit_is_named(name: str, key: str, value: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        override(load_method(f"qt_opt:{name}")[1], {key: value})
