"""QT-Opt learns: from whole transitions, bit for bit the same from the same log, and what there is to learn."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from servo_steps import WORKSPACE, make_run, make_step

from equigrasp.config import override
from equigrasp.errors import ReplayError, WeightsError
from equigrasp.learning.logged_trainer import LoggedTrainer
from equigrasp.learning.weight_store import load_weights, read_parameters, tensor_digest
from equigrasp.methods.qt_opt.batches import QtOptBatches, TransitionBatch
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.networks import Q
from equigrasp.methods.qt_opt.servo_step import ASKED, make_spec
from equigrasp.methods.qt_opt.transition_source import TransitionSource
from equigrasp.methods.registry import load_method
from equigrasp.perception.servo_observation import AGE, HEIGHTS
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Step


def tiny(name: str = "qt_opt:tiny", **keys: str) -> QtOptConfig:
    config: QtOptConfig = load_method(name)[1]
    return override(config, {k.replace("__", "."): v for k, v in keys.items()})


def batches_of(config: QtOptConfig, steps: list[Step], seed: int = 0) -> QtOptBatches:
    batches = QtOptBatches(config, WORKSPACE, seed, torch.device("cpu"))
    for step in steps:
        batches.add(step)
    return batches


def source(config: QtOptConfig, *episodes: str, needs_outcome: bool = False) -> TransitionSource:
    """Return transitions of episodes; a letter a step: s, last: f failed, h held, t cut off."""
    transitions, index = TransitionSource(needs_outcome), 0
    for number, kinds in enumerate(episodes):
        for kind in kinds:
            transitions.add(
                make_step(
                    config,
                    index,
                    number,
                    is_terminal=kind in "fh",
                    is_success=kind == "h",
                    is_truncated=kind == "t",
                )
            )
            index += 1
    return transitions


def pairs(transitions: TransitionSource, newest: int = 10**6) -> list[tuple[int, int | None]]:
    found = [transitions.at(n) for n in range(transitions.count(newest))]
    return [(s.index, after.index if after else None) for s, after, _ in found]


def test_a_transition_never_mixes_episodes() -> None:
    """Cut off, or never ended because the robot was switched off: the last step teaches nothing."""
    found = pairs(source(tiny(), "ssf", "sst", "ss", "sh", "s"))
    #            0 1 2      3 4 5      6 7    8 9    10
    assert found == [(0, 1), (1, 2), (2, None), (3, 4), (4, 5), (6, 7), (8, 9), (9, None)]


def test_only_steps_up_to_the_newest_are_used() -> None:
    transitions = source(tiny(), "ssf", "sh")
    assert [len(pairs(transitions, newest)) for newest in range(-1, 6)] == [0, 0, 1, 3, 3, 5, 5]


def test_outcomes_are_of_episodes_that_ended_by_themselves() -> None:
    transitions = source(tiny(), "ssh", "st", "ss", "sf", "s", needs_outcome=True)
    found = [transitions.at(n) for n in range(transitions.count(100))]
    assert [(s.episode, outcome) for s, _, outcome in found] == [(0, 1.0)] * 3 + [(3, 0.0)] * 2
    assert transitions.count(1) == 0 and transitions.count(2) == 3


def test_rewards_are_this_configurations_whatever_was_logged() -> None:
    config = tiny("qt_opt/low_discount:tiny", action__step_penalty="0.05")
    batch = batches_of(config, make_run(tiny(), 16)).sample(15, 3)
    assert batch is not None
    is_last = batch.discounts == 0.0
    assert set(batch.rewards[is_last].tolist()) <= {0.0, 1.0} and bool(is_last.any())
    assert batch.rewards[~is_last].tolist() == pytest.approx([-0.05] * int((~is_last).sum()))
    assert batch.discounts[~is_last].tolist() == pytest.approx([0.7] * int((~is_last).sum()))


def test_a_state_and_the_next_are_looked_at_alike() -> None:
    """The scene stays as it is, so the two must show the same, however they are shifted and mirrored."""
    config = tiny(training__batch_size="32")
    steps = [
        dataclasses.replace(s, observation=make_step(config, 0, 0).observation)
        for s in make_run(config, 8, length=8)
    ]
    batch = batches_of(config, steps).sample(7, 0)
    assert batch is not None
    assert torch.equal(batch.seen.images, batch.following.images)
    assert torch.equal(batch.seen.low, batch.following.low)
    looks = {image.numpy().tobytes() for image in batch.seen.images}
    assert len(looks) > 16  # 25 shifts of 4 mirror images


def test_mirrors_change_scene_and_motion_together() -> None:
    """Something lies towards +x, +y; the step goes there and turns from x to y."""
    config = tiny(training__batch_size="64")
    steps = make_run(config, 8, length=8)
    heights = np.zeros((36, 36), np.uint16)
    heights[26:30, 22:25] = 400
    motion = np.array([0.04, 0.02, -0.01, 0.3], np.float32)
    steps = [
        dataclasses.replace(
            s,
            observation={**s.observation, HEIGHTS: heights, AGE: np.zeros((36, 36), np.uint8)},
            action={**s.action, ASKED: motion},
        )
        for s in steps
    ]
    batch = batches_of(config, steps).sample(7, 0)
    assert batch is not None
    images, moved = batch.seen.images[:, 0], batch.actions.motion[:, 0]
    places = torch.arange(32.0) - 15.5
    x = (images.sum(2) * places).sum(1) / images.sum((1, 2))
    y = (images.sum(1) * places).sum(1) / images.sum((1, 2))
    largest = torch.tensor(config.action.largest_step)
    assert torch.allclose(moved.abs() * largest, torch.from_numpy(motion).abs())
    assert torch.equal(x.sign(), moved[:, 0].sign()) and torch.equal(y.sign(), moved[:, 1].sign())
    assert torch.equal(x.sign() * y.sign(), moved[:, 3].sign())
    assert (moved[:, 2] < 0.0).all()
    assert len({(a, b) for a, b in zip(x.sign().tolist(), y.sign().tolist(), strict=True)}) == 4


def test_pictures_are_varied_alike_before_and_after() -> None:
    keys = {"training__batch_size": "16", "training__num_prior_episodes": "0"}
    config = tiny("qt_opt/color:tiny", **keys)
    steps = [
        dataclasses.replace(s, observation=make_step(config, 0, 0).observation)
        for s in make_run(config, 6, length=6)
    ]
    batch = batches_of(config, steps).sample(5, 0)
    assert batch is not None and torch.equal(batch.seen.images, batch.following.images)
    means = batch.seen.images.mean((1, 2, 3))
    assert float(means.std()) > 0.02  # brightness
    assert 0.0 <= float(batch.seen.images.min()) and float(batch.seen.images.max()) <= 1.0
    plain = tiny("qt_opt/color:tiny", network__is_distorted="false", **keys)
    still = batches_of(plain, steps).sample(5, 0)
    assert still is not None and float(still.seen.images.mean((1, 2, 3)).std()) < 0.01


def test_a_batch_is_a_function_of_seed_and_number() -> None:
    config = tiny()
    run = make_run(config, 16)
    one, again = batches_of(config, run).sample(9, 5), batches_of(config, run[:10]).sample(9, 5)
    others = [
        batches_of(config, run).sample(9, 6),
        batches_of(config, run, seed=1).sample(9, 5),
    ]
    assert one is not None and again is not None
    assert torch.equal(one.seen.images, again.seen.images)
    assert torch.equal(one.actions.motion, again.actions.motion)
    for other in others:
        assert other is not None and not torch.equal(one.seen.images, other.seen.images)
    assert batches_of(config, []).sample(9, 5) is None


def from_prior(batch: TransitionBatch | None, limit: float) -> int:
    assert batch is not None
    return int((batch.actions.motion[:, 0, 2] > limit).sum())


def test_prior_data_have_their_share() -> None:
    """Prior steps go up, the run's own do not move."""
    config = tiny(training__batch_size="20", training__num_prior_episodes="2")
    steps = [
        dataclasses.replace(
            s, action={**s.action, ASKED: np.full(4, 0.02 * (s.episode < 2), np.float32)}
        )
        for s in make_run(config, 24)
    ]
    batches = batches_of(config, steps)
    assert from_prior(batches.sample(23, 0), 0.1) == 8  # 0.4 of 20
    assert from_prior(batches.sample(7, 0), 0.1) == 20  # there is nothing else yet
    none = batches_of(override(config, {"training.prior_share": "0.0"}), steps)
    assert from_prior(none.sample(23, 0), 0.1) == 0


def write_log(path: Path, config: QtOptConfig, steps: list[Step]) -> Path:
    log = ExperienceLog(path, make_spec(config, WORKSPACE))
    for step in steps:
        log.append(step, {})
    log.close()
    return path


def test_logs_of_other_runs_are_prior_data(tmp_path: Path) -> None:
    """Two of the same episode numbers, the first cut in mid-episode; single grasps have a share of their own."""
    config = tiny()
    penalised = tiny(action__step_penalty="0.05")
    first = write_log(tmp_path / "a.log", penalised, make_run(penalised, 3, length=8))
    second = write_log(tmp_path / "b.log", config, make_run(config, 8))
    config = tiny(training__prior_logs=f"[{first}, {second}]")
    batches = batches_of(config, [])
    assert pairs(batches._logged)[:3] == [(0, 1), (1, 2), (0, 1)] and len(batches._logged) == 10
    batch = batches.sample(-1, 0)
    assert batch is not None and len(batch) == 8 and batches.num_bytes > 11 * 36 * 36 * 3
    both = tiny(training__prior_logs=f"[{first}]", training__open_loop_logs=f"[{second}]")
    mixed = batches_of(both, make_run(config, 16))
    assert len(mixed._open_loop) == 8 and mixed.sample(15, 0) is not None


def test_logs_of_something_else_are_refused(tmp_path: Path) -> None:
    other = tiny(network__crop_px="24")
    path = write_log(tmp_path / "a.log", other, make_run(other, 3))
    with pytest.raises(ReplayError, match=r"a.log: step 0: .*must have shape \(36, 36\)"):
        batches_of(tiny(training__prior_logs=f"[{path}]"), [])
    with pytest.raises(ReplayError, match="nowhere.log' is no log of prior data"):
        batches_of(tiny(training__prior_logs=f"[{tmp_path / 'nowhere.log'}]"), [])


def test_what_follows_a_terminal_step_is_never_looked_at() -> None:
    method, config = load_method("qt_opt:tiny")
    batch = batches_of(config, make_run(config, 24)).sample(23, 1)
    assert batch is not None
    learner = method.make_learner(config, method.make_networks(config, 0), WORKSPACE)
    is_last = batch.discounts == 0.0
    images = batch.following.images.clone()
    images[is_last] = torch.nan
    following = dataclasses.replace(batch.following, images=images)
    spoiled = dataclasses.replace(batch, following=following)
    (labels, _), (wanted, _) = learner.label(spoiled, 3), learner.label(batch, 3)
    assert bool(is_last.any()) and torch.equal(labels, wanted)
    assert torch.equal(labels[is_last], batch.rewards[is_last])
    assert ((labels >= 0.0) & (labels <= 1.0)).all()
    other, _ = learner.label(batch, 4)
    assert not torch.equal(other, labels)  # another search


def test_monte_carlo_labels_are_outcomes() -> None:
    method, config = load_method("qt_opt/monte_carlo:tiny")
    batch = batches_of(config, make_run(config, 26)).sample(25, 1)
    assert batch is not None
    learner = method.make_learner(config, method.make_networks(config, 0), WORKSPACE)
    labels, _ = learner.label(batch, 0)
    assert torch.equal(labels, batch.outcomes) and set(labels.tolist()) == {0.0, 1.0}


def test_only_weights_decay() -> None:
    method, config = load_method("qt_opt:paper")
    with torch.device("meta"):
        modules = method.make_networks(config, 0)
    decaying, others = method.make_learner(config, modules, WORKSPACE).optimizer.param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (7e-5, 0.0)
    names = {id(p): n for n, p in modules[Q].named_parameters()}
    assert all(names[id(p)].endswith("weight") for p in decaying["params"])
    assert not any(names[id(p)].endswith("weight") for p in others["params"])
    assert len(decaying["params"]) == 16 + 7 + 1 + 2 + 1  # convolutions, fields, action, fc, logit


PUBLISHED = {
    "network.crop_px": "36",
    "network.camera_px": "[40, 48]",
    "network.width": "4",
    "network.pools": "[2, 1, 1]",
    "network.num_convolutions": "[1, 1, 1]",
    "search.num_samples": "8",
    "search.num_elites": "3",
    "training.batch_size": "4",
    "training.first_training_attempt": "10",
    "training.steps_per_attempt": "1",
    "training.num_prior_episodes": "2",
    "training.target_period": "4",
    "training.checkpoint_every": "10",
}


def open_trainer(folder: Path, name: str) -> LoggedTrainer[TransitionBatch | None]:
    method, config = load_method(name)
    if name == "qt_opt:published":
        config = override(config, PUBLISHED)
    trainer = method.make_trainer(config, folder, 3, WORKSPACE)
    assert isinstance(trainer, LoggedTrainer)
    return trainer


def digest(trainer: LoggedTrainer) -> str:
    targets = {f"targets.{k}": v for k, v in trainer.learner.targets.tensors().items()}
    return tensor_digest(read_parameters(trainer.learner.modules) | targets)


@pytest.mark.parametrize("name", ["qt_opt:tiny", "qt_opt:published"])
def test_a_run_that_is_killed_and_carried_on_is_the_same(tmp_path: Path, name: str) -> None:
    """Weights, both target networks, momentum, statistics of batches, and what is labelled: bit for bit."""
    straight = open_trainer(tmp_path / "a", name)
    config = (
        load_method(name)[1]
        if name != "qt_opt:published"
        else override(load_method(name)[1], PUBLISHED)
    )
    steps = make_run(config, 26)
    for step in steps:
        straight.add(step, {})
        straight.train_pending(1)
    straight.train_pending(100)
    assert straight.num_steps == 17
    for index, step in enumerate(steps):
        if index % 8 == 0:
            trainer = open_trainer(tmp_path / "b", name)
        trainer.add(step, {})
        if index > 12:  # it lags behind, and is far from having caught up when it dies
            trainer.train_pending(2)
        if index % 8 == 7 and index % 16 == 7:
            trainer.close()
        elif index % 8 == 7:
            trainer.log.close()  # abandoned without a word, as by kill -9
    trainer.train_pending(100)
    assert trainer.num_steps == 17 and digest(trainer) == digest(straight)
    assert tensor_digest(trainer.weights()) == tensor_digest(straight.weights())
    assert trainer.learner.targets.lag == straight.learner.targets.lag == 5


def test_the_average_acts_and_is_published(tmp_path: Path) -> None:
    trainer = open_trainer(tmp_path, "qt_opt:tiny")
    for step in make_run(tiny(), 16):
        trainer.add(step, {})
    trainer.train_pending(100)
    weights = trainer.weights()
    average = read_parameters(trainer.learner.targets.average)
    assert all(torch.equal(weights[k], v) for k, v in average.items())
    now = read_parameters(trainer.learner.modules)
    assert any(not torch.equal(weights[k], v) for k, v in now.items())
    tensors, metadata = load_weights(trainer.publish().path)
    assert metadata["method"] == "qt_opt" and tensor_digest(tensors) == tensor_digest(weights)


def test_an_optimisers_state_is_not_anothers(tmp_path: Path) -> None:
    trainer = open_trainer(tmp_path, "qt_opt:tiny")
    for step in make_run(tiny(), 12):
        trainer.add(step, {})
    trainer.train_pending(100)
    trainer.close()
    method, config = load_method("qt_opt:tiny")
    with pytest.raises(WeightsError, match="the state of 'adam'; the optimiser is 'sgd'"):
        method.make_trainer(
            override(config, {"training.optimizer": "sgd"}), tmp_path, 3, WORKSPACE
        )
