"""What carries every method, held to it by a toy that resembles none of ours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_method import METHOD, WORKSPACE, ToyConfig, ToyRoom, make_step

from equigrasp.errors import ConfigError, ReplayError
from equigrasp.experiments.rollouts.loop import EPISODES, Loop
from equigrasp.experiments.rollouts.recording import to_step
from equigrasp.learning.interfaces import Trainer
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.learning.trained_weights import read_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import find_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Step

NUM_STEPS = 13


def open_trainer(folder: Path, is_writing: bool = True) -> Trainer:
    return METHOD.make_trainer(ToyConfig(), folder, 3, WORKSPACE, is_writing=is_writing)


def fill(trainer: Trainer, *, is_eager: bool) -> str:
    """Add all steps, learning after each or only at the end; return a digest of the weights."""
    for index in range(trainer.num_attempts, NUM_STEPS):
        assert trainer.add(make_step(index), {"mode": 1})
        if is_eager:
            trainer.train_pending(10)
    reports = trainer.train_pending(100)
    assert all(set(r.losses) == set(METHOD.metrics) for r in reports)
    return tensor_digest(trainer.weights())


def test_steps_come_back_as_they_were(tmp_path: Path) -> None:
    fill(open_trainer(tmp_path), is_eager=False)
    logged = list(ExperienceLog(tmp_path / "experience.log", is_writing=False))
    assert len(logged) == NUM_STEPS
    for index, (step, extras) in enumerate(logged):
        wanted = make_step(index)
        assert (step.index, step.episode, step.reward) == (index, index // 2, wanted.reward)
        assert step.discount == wanted.discount and step.is_last == (index % 2 == 1)
        assert np.array_equal(step.observation["points"], wanted.observation["points"])
        assert np.array_equal(step.action["velocity"], wanted.action["velocity"])
        assert extras == {"mode": 1}


def test_the_same_log_gives_the_same_weights(tmp_path: Path) -> None:
    """However late the learner is, and however often it is closed."""
    eager = fill(open_trainer(tmp_path / "a"), is_eager=True)
    assert fill(open_trainer(tmp_path / "b"), is_eager=False) == eager
    for index in range(NUM_STEPS):
        trainer = open_trainer(tmp_path / "c")
        trainer.add(make_step(index), {"mode": 1})
        trainer.train_pending(2)
        trainer.close()
    last = open_trainer(tmp_path / "c")
    assert last.num_steps == NUM_STEPS - 3 and last.num_pending_steps == 0
    assert tensor_digest(last.weights()) == eager


def test_a_second_process_learns_from_what_is_written(tmp_path: Path) -> None:
    writer = open_trainer(tmp_path)
    reader = open_trainer(tmp_path, is_writing=False)
    for index in range(NUM_STEPS):
        writer.add(make_step(index), {})
        reader.follow()
        reader.train_pending(1)
    assert reader.num_attempts == NUM_STEPS and reader.num_steps == NUM_STEPS - 3


def test_weights_are_published_under_the_methods_name(tmp_path: Path) -> None:
    trainer = open_trainer(tmp_path)
    fill(trainer, is_eager=False)
    file = trainer.publish()
    tensors, metadata = load_weights(file.path, file.sha256)
    assert metadata == {"method": "toy", "version": str(NUM_STEPS - 3)}
    assert all(torch.equal(tensors[k], v) for k, v in trainer.weights().items())


def test_a_method_of_ones_own_knows_its_weights_again(tmp_path: Path) -> None:
    config = ToyConfig(method="toy_method:METHOD")
    trainer = METHOD.make_trainer(config, tmp_path, 3, WORKSPACE)
    fill(trainer, is_eager=False)
    tensors, _ = read_trained_weights(trainer.publish().path, config)
    assert tensors.keys() == trainer.weights().keys()
    assert num_random_attempts(config) == 0


def test_a_step_of_another_method_is_refused_and_nothing_lost(tmp_path: Path) -> None:
    trainer = open_trainer(tmp_path)
    trainer.add(make_step(0), {})
    foreign = Step(1, 0, {"heightmap": np.zeros((4, 4), np.uint16)}, {}, 0.0)
    with pytest.raises(ReplayError, match="must hold points; found heightmap"):
        trainer.add(foreign, {})
    assert trainer.num_attempts == 1 and trainer.add(make_step(1), {})


def act_and_learn(folder: Path, num_steps: int, *, is_cut: bool) -> Trainer:
    """Act in the loop, and learn after each step; or be closed and opened again after each."""
    config, trainer = ToyConfig(), open_trainer(folder)
    policy = METHOD.make_policy(config, METHOD.make_networks(config, 3))
    loop = Loop(ToyRoom(1), policy, EPISODES, 5)
    for number in range(num_steps):
        made = loop.attempt(number, "random" if number < 4 else "train")
        trainer.add(to_step(METHOD, config, made, number, trainer.next_episode), {})
        trainer.train_pending(10)
        policy.load(trainer.weights(), trainer.num_steps, "trainer")
        if is_cut:
            trainer.close()
            trainer = open_trainer(folder)
    return trainer


def test_the_loop_carries_episodes_of_two_steps(tmp_path: Path) -> None:
    """The log, the trainer and the loop know nothing of points, velocities or episodes."""
    trainer = act_and_learn(tmp_path / "a", NUM_STEPS, is_cut=False)
    steps = [
        step for step, _ in ExperienceLog(tmp_path / "a" / "experience.log", is_writing=False)
    ]
    assert [s.episode for s in steps] == [n // 2 for n in range(NUM_STEPS)]
    assert [s.discount for s in steps] == [0.0 if n % 2 else 0.9 for n in range(NUM_STEPS)]
    assert len({len(s.observation["points"]) for s in steps}) > 2
    again = act_and_learn(tmp_path / "b", NUM_STEPS, is_cut=True)
    assert tensor_digest(again.weights()) == tensor_digest(trainer.weights())


@pytest.mark.parametrize(
    ("name", "match"),
    [
        (
            "toy",
            "Unknown method 'toy'. Known methods: asr, fcn, push_grasp, qt_opt; or name your own, module:METHOD",
        ),
        ("toy_method:TOY", "Cannot load method 'toy_method:TOY'.*no attribute 'TOY'"),
        ("nowhere:METHOD", "Cannot load method.*No module named 'nowhere'"),
        ("toy_method:ToyRoom", "'toy_method:ToyRoom' is no Method but type"),
    ],
)
def test_a_method_that_is_none_is_named(name: str, match: str) -> None:
    assert find_method("toy_method:METHOD") is METHOD
    with pytest.raises(ConfigError, match=match):
        find_method(name)


@pytest.mark.parametrize("name", ["asr", "fcn"])
def test_every_method_says_what_its_metrics_mean(name: str) -> None:
    method = find_method(name)
    assert method.name == name and "loss" in method.metrics
    assert all(meaning.endswith(".") for meaning in method.metrics.values())
