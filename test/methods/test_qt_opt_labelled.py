"""Labels made apart from the learner are those that the learner would make, but for its views."""

import numpy as np
import pytest
import torch
from servo_steps import WORKSPACE, make_run

from equigrasp.config import override
from equigrasp.errors import ConfigError
from equigrasp.learning.bellman_updater import BellmanUpdater
from equigrasp.learning.weight_store import read_parameters, tensor_digest
from equigrasp.methods.qt_opt.labelled import LabelledLearner, QtOptNextValues
from equigrasp.methods.qt_opt.networks import make_networks
from equigrasp.methods.qt_opt.servo_step import make_spec
from equigrasp.methods.registry import load_method
from equigrasp.replay.ring_buffer import RingBuffer


class Shelf:
    """Two versions of the weights."""

    def __init__(self, config) -> None:  # noqa: ANN001
        self._config = config

    def versions(self) -> list[int]:
        """Return both."""
        return [0, 100]

    def read(self, version: int) -> dict[str, torch.Tensor]:
        """Return the first weights of seed 0, or 1."""
        return read_parameters(make_networks(self._config, version // 100))


def test_updaters_label_and_the_learner_learns_from_it() -> None:
    _, config = load_method("qt_opt:tiny")
    buffer = RingBuffer(make_spec(config, WORKSPACE), 40)
    steps = make_run(config, 24)
    for number in range(0, 24, 4):
        buffer.add_episode(steps[number : number + 4])
    transitions = buffer.read(buffer.numbers())
    updater = BellmanUpdater(
        lambda: make_networks(config, 5), QtOptNextValues(config), Shelf(config), lag=50
    )
    assert updater.refresh()
    no_online = np.zeros(len(transitions), bool)
    labelled = updater.label(transitions, 3, no_online)
    again = updater.label(transitions, 3, no_online)
    targets, is_last = labelled.labels.targets, transitions.discounts == 0.0
    assert np.array_equal(targets, again.labels.targets) and is_last.sum() == 6
    assert np.array_equal(targets[is_last], transitions.rewards[is_last].astype(np.float32))
    assert ((targets > 0.2) & (targets < 0.8))[~is_last].all()  # untrained: near a half
    other = updater.label(transitions, 4, no_online)
    assert not np.array_equal(targets, other.labels.targets)
    learners = [LabelledLearner(config, make_networks(config, 1)) for _ in range(2)]
    losses = [[learner.train_step(labelled, n)["loss"] for n in range(15)] for learner in learners]
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0]
    digests = [tensor_digest(read_parameters(learner.modules)) for learner in learners]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("target", ["double", "monte_carlo"])
def test_targets_that_updaters_cannot_make_are_refused(target: str) -> None:
    config = override(load_method("qt_opt:tiny")[1], {"training.target": target})
    with pytest.raises(ConfigError, match=f"single or clipped, found {target}"):
        QtOptNextValues(config)
