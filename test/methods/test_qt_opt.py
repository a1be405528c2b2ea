"""QT-Opt's policy: steps within bounds, ends when it may, mirrors, frames and modes."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from servo_steps import observe

from equigrasp.config import override
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.cross_entropy_method import Candidates
from equigrasp.learning.interfaces import CEM_SAMPLES, CROP, Context, Decision
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.mirrors import IMAGES, motion_signs
from equigrasp.methods.qt_opt.networks import Q
from equigrasp.methods.qt_opt.policy import QtOptPolicy, _mirrored
from equigrasp.methods.qt_opt.servo_step import (
    ASKED,
    IS_FINAL,
    MOTION,
    decode_action,
    encode,
    encode_action,
    with_executed,
)
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import GRIPPER, Observation
from equigrasp.perception.servo_observation import AGE, HEIGHTS, TCP

GREEDY, TRAIN, RANDOM = Context("greedy"), Context("train"), Context("random")


def make(name: str = "qt_opt:tiny", stir: float = 0.5, **keys: str) -> QtOptPolicy:
    """Return a policy whose values differ from step to step."""
    method, config = load_method(name)
    config = override(config, {k.replace("__", "."): v for k, v in keys.items()})
    modules = method.make_networks(config, 1)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in modules[Q].parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(stir * noise / max(parameter.shape) ** 0.5)
    policy: QtOptPolicy = method.make_policy(config, modules)
    return policy


def config_of(policy: QtOptPolicy) -> QtOptConfig:
    return policy._config


def choose(
    policy: QtOptPolicy, observation: Observation, seed: int = 0, context: Context = GREEDY
) -> Decision[GripperStep]:
    return policy.choose(observation, context, np.random.default_rng(seed))


@pytest.mark.parametrize("frame", ["gripper", "base"])
def test_steps_come_back_from_the_log_as_they_were(frame: Any) -> None:
    step = GripperStep((0.03, -0.01, -0.05), 0.4, "close", True)
    for yaw in (-2.0, 0.0, 0.7):
        again = decode_action(encode_action(step, yaw, frame), yaw, frame)
        assert again.d_position == pytest.approx(step.d_position, abs=1e-8)
        assert (again.gripper, again.is_final) == ("close", True)
        assert again.d_theta == pytest.approx(0.4)


def test_the_grippers_x_is_where_its_fingers_open() -> None:
    """At a quarter turn they open along base y."""
    step = GripperStep((0.0, 0.04, 0.01), 0.2)
    encoded = encode_action(step, math.pi / 2, "gripper")
    assert encoded[MOTION].tolist() == pytest.approx([0.04, 0.0, 0.01, 0.2], abs=1e-8)
    assert encode_action(step, math.pi / 2, "base")[MOTION][1] == pytest.approx(0.04)


def test_what_was_carried_out_stands_beside_what_was_asked_for() -> None:
    asked = encode_action(GripperStep((0.04, 0.0, -0.06), 0.1, "close"), 0.3, "gripper")
    seen = {TCP: np.array([0.4, 0.0, 0.1, 0.3])}
    step = GripperStep((0.02, 0.0, -0.03), 0.05, "close")
    shorter = with_executed(config_of(make()), seen, asked, step)
    assert shorter[ASKED].tolist() == asked[ASKED].tolist() == asked[MOTION].tolist()
    assert shorter[MOTION] == pytest.approx(asked[MOTION] / 2)
    assert decode_action(shorter, 0.3, "gripper").gripper == "close"


@pytest.mark.parametrize("context", [GREEDY, TRAIN, RANDOM], ids=lambda c: c.mode)
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-0.2, 0.05), (0.0, 0.0)])
def test_no_step_leaves_the_bounds(context: Context, bounds: tuple[float, float]) -> None:
    policy = make(acting__epsilon="0.5")
    largest = np.array(config_of(policy).action.largest_step, np.float32)
    low, high = (np.float32(b) * largest for b in bounds)
    for seed in range(12):
        seen = observe(config_of(policy), seed, yaw=0.1 * seed, bounds=bounds)
        made = choose(policy, seen, seed, context)
        motion = made.encoded[MOTION]
        assert (motion >= low).all() and (motion <= high).all()
        executed = encode_action(made.action, float(seen.arrays["tcp"][3]), "gripper")
        assert executed[MOTION] == pytest.approx(motion, abs=1e-7)
        for samples in made.views.values() if context is GREEDY else ():
            if samples.shape[1] == 7:
                assert (samples[:, :4] >= low - 1e-7).all()
                assert (samples[:, :4] <= high + 1e-7).all()


@pytest.mark.parametrize("mode", ["greedy", "train", "random"])
def test_guarded_ends_need_closed_fingers_at_a_height(mode: Any) -> None:
    policy = make(acting__epsilon="0.7", acting__exploration_shares="[0.2, 0.1, 0.7]")
    assert config_of(policy).action.termination == "guarded"
    ended = {}
    for is_closed, height in ((False, 0.2), (True, 0.05), (True, 0.11)):
        seen = observe(config_of(policy), 3, height=height, is_closed=is_closed)
        made = [choose(policy, seen, seed, Context(mode)) for seed in range(15)]
        ended[is_closed, height] = any(m.action.is_final for m in made)
        assert all(m.action.is_final == bool(m.encoded[IS_FINAL][0]) for m in made)
        ends = [m.views[CEM_SAMPLES][:, 5].any() for m in made if CEM_SAMPLES in m.views]
        assert set(ends) <= {(is_closed, height) == (True, 0.11)}
    assert not ended[False, 0.2] and not ended[True, 0.05]
    assert ended[True, 0.11] or mode == "greedy"  # which ends when it is better, not always


def test_learned_ends_may_come_at_any_time() -> None:
    policy = make("qt_opt/learned_end:tiny", acting__epsilon="0.0")
    made = [choose(policy, observe(config_of(policy), k), k) for k in range(20)]
    assert all(m.views[CEM_SAMPLES][:, 5].any() for m in made)
    assert any(m.action.is_final for m in made)


def test_episodes_that_end_by_rule_are_never_ended_by_the_policy() -> None:
    policy = make("qt_opt/scripted_end:tiny", acting__epsilon="0.5")
    for seed in range(12):
        seen = observe(config_of(policy), seed, height=0.2, is_closed=True)
        made = choose(policy, seen, seed, TRAIN)
        assert not made.action.is_final
        assert CEM_SAMPLES not in made.views or not made.views[CEM_SAMPLES][:, 5].any()
    some = Candidates(torch.zeros(1, 2, 4), torch.tensor([[[0, 0], [0, 1]]]))
    without, with_end = policy.values(encode(seen), some)
    assert without == with_end  # nor does the network hear of ends


def mirror(observation: Observation, image: tuple[bool, bool]) -> Observation:
    arrays = _mirrored(encode(observation), image)
    return replace(observation, arrays=arrays)


@pytest.mark.parametrize("image", IMAGES[1:])
def test_a_mirrored_scene_gives_the_mirrored_step_exactly(image: tuple[bool, bool]) -> None:
    policy, plain = make("qt_opt/symmetric:tiny"), make("qt_opt:tiny")
    signs = motion_signs(torch.tensor([image])).numpy()[0]
    is_same = []
    for seed in range(10):
        seen = observe(config_of(policy), seed, bounds=(-0.7, 0.9), is_closed=seed % 2 == 0)
        one, other = choose(policy, seen, seed), choose(policy, mirror(seen, image), seed)
        assert np.array_equal(other.encoded[MOTION], one.encoded[MOTION] * signs)
        assert other.value == one.value and other.action.gripper == one.action.gripper
        first, second = choose(plain, seen, seed), choose(plain, mirror(seen, image), seed)
        is_same.append(np.allclose(second.encoded[MOTION], first.encoded[MOTION] * signs))
    assert not any(is_same)  # without the symmetry nothing of the kind holds


def test_the_symmetry_is_probed() -> None:
    symmetric, plain = make("qt_opt/symmetric:tiny"), make("qt_opt:tiny")
    error = symmetric.probe().symmetry_error
    assert error is not None and error < 1e-5
    assert plain.probe().symmetry_error is None
    answers = plain.probe().answers
    assert len(answers) == 4 and len(set(answers)) > 1


def test_the_generator_is_all_randomness_of_a_choice() -> None:
    policy = make(acting__epsilon="0.5")
    seen = observe(config_of(policy), 1)
    for context in (GREEDY, TRAIN, RANDOM):
        steps = [choose(policy, seen, seed, context).action for seed in (1, 1, *range(2, 9))]
        assert steps[0] == steps[1] and len(set(steps)) > 2


def test_exploring_steps_come_in_their_shares() -> None:
    policy = make("qt_opt/learned_end:tiny", acting__epsilon="1.0")
    seen = observe(config_of(policy), 1, is_closed=True)
    made = [choose(policy, seen, seed, TRAIN) for seed in range(900)]
    toggles = sum(m.action.gripper == "open" for m in made) / 900  # it is closed
    ends = sum(m.action.is_final for m in made) / 900
    assert toggles == pytest.approx(0.17, abs=0.04) and ends == pytest.approx(0.08, abs=0.03)
    assert all(math.isnan(m.value) and not m.views for m in made)
    motions = np.array([m.encoded[MOTION] for m in made if m.action.gripper == "none"])
    shares = motions / np.array(config_of(policy).action.largest_step)
    assert np.quantile(np.abs(shares[np.abs(shares).sum(1) > 0]), 0.5) == pytest.approx(
        0.6 * 0.674, abs=0.05
    )


def test_a_choice_shows_what_it_was_made_from() -> None:
    policy = make()
    seen = observe(config_of(policy), 2)
    made = choose(policy, seen)
    assert made.views[CROP].shape == (32, 32)
    assert made.views[CROP] == pytest.approx(seen.arrays[HEIGHTS][2:-2, 2:-2] * 1e-4)
    samples = made.views[CEM_SAMPLES]
    best = samples[samples[:, 6].argmax()]
    assert best[:4] == pytest.approx(made.encoded[MOTION], abs=1e-7)
    assert made.value == pytest.approx(best[6]) and 0.0 < made.value < 1.0
    again = Candidates(
        torch.from_numpy(best[None, None, :4] / policy._largest).float(),
        torch.from_numpy(best[None, None, 4:6]).long(),
    )
    assert policy.values(encode(seen), again)[0] == pytest.approx(made.value, abs=1e-5)


@pytest.mark.parametrize("name", ["qt_opt", "qt_opt/image_status", "qt_opt/image_only"])
def test_the_state_that_a_variant_hides_changes_nothing(name: str) -> None:
    policy = make(f"{name}:tiny")
    seen = observe(config_of(policy), 2)
    some = Candidates(torch.zeros(1, 1, 4), torch.zeros(1, 1, 2, dtype=torch.int64))

    def value(**changes: float) -> float:
        status = seen.arrays[GRIPPER].copy()
        for key, new in changes.items():
            status[int(key[1:])] = new
        return float(policy.values({**encode(seen), GRIPPER: status}, some)[0])

    knows_status, knows_all = name != "qt_opt/image_only", name == "qt_opt"
    assert (value(_0=0.15) != value()) == knows_all  # height
    assert (value(_4=0.1) != value()) == knows_all  # steps left
    assert (value(_2=1.0) != value()) == knows_status  # closed


@pytest.mark.parametrize(
    ("name", "array", "match"),
    [
        ("tcp", None, "needs 'tcp'; the observation holds age, bounds, gripper, heights"),
        (HEIGHTS, np.zeros((32, 32), np.uint16), r"'heights' must have shape \(36, 36\)"),
        (AGE, np.zeros((36, 36), np.float32), "'age' must be uint8, found float32"),
        (GRIPPER, np.zeros(4, np.float32), r"'gripper' must have shape \(5\)"),
    ],
)
def test_what_cannot_be_seen_is_refused(name: str, array: np.ndarray | None, match: str) -> None:
    policy = make()
    seen = observe(config_of(policy), 0)
    arrays = {k: v for k, v in seen.arrays.items() if k != name}
    if array is not None:
        arrays[name] = array
    with pytest.raises(PerceptionError, match=match):
        choose(policy, replace(seen, arrays=arrays))


@pytest.mark.parametrize("is_closed", [False, True])
def test_no_command_that_would_change_nothing_is_chosen(is_closed: bool) -> None:
    policy = make(acting__epsilon="0.5")
    seen = observe(config_of(policy), 3, is_closed=is_closed)
    useless = "close" if is_closed else "open"
    commands = {
        choose(policy, seen, seed, context).action.gripper
        for context in (GREEDY, TRAIN, RANDOM)
        for seed in range(60)
    }
    assert useless not in commands and len(commands) == 2
