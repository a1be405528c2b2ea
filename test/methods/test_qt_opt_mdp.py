"""In a world small enough to know the answer, QT-Opt finds it: go over the object first, then close."""

import numpy as np
import pytest
import torch
from servo_steps import WORKSPACE

from equigrasp.config import override
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Context, Mode
from equigrasp.learning.method import Method
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.policy import QtOptPolicy
from equigrasp.methods.qt_opt.servo_step import encode
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import GRIPPER, Observation
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    TCP,
    GripperStatus,
    pack_bounds,
    pack_heights,
)
from equigrasp.replay.step import Step

KEYS = {
    "network.crop_px": "8",
    "network.crop_margin_px": "0",
    "network.pixel_size": "0.02",
    "network.width": "8",
    "network.hidden": "32",
    "action.max_steps": "4",
    "search.num_samples": "32",
    "training.batch_size": "128",
    "training.learning_rate": "3e-3",
    "training.average_decay": "0.97",
    "training.target_period": "20",
    "training.num_prior_episodes": "0",
}
REACH = 0.02  # [m] in which fingers find the object


class Table:
    """An object beside the gripper; to close on it, the fingers must be over it before the step.

    It lies up to 7 cm away, and a step is 5 cm long at most: one must come near, look again, and close.
    """

    def __init__(self, config: QtOptConfig, seed: int) -> None:
        self._config, self._rng = config, np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Put the object down anew."""
        self.place = self._rng.uniform(-0.07, 0.07, 2)
        self.num_steps = 0

    def observe(self) -> Observation:
        """Return a bump where the object lies."""
        size, cell = self._config.network.stored_px, self._config.network.pixel_size
        axis = (np.arange(size) - (size - 1) / 2.0) * cell
        x, y = self.place
        bump = np.exp(-((axis[:, None] - x) ** 2 + (axis[None] - y) ** 2) / (2.0 * cell**2))
        largest = np.array(self._config.action.largest_step)
        left = 1.0 - self.num_steps / self._config.action.max_steps
        arrays = {
            HEIGHTS: pack_heights(0.1 * bump),
            AGE: np.zeros((size, size), np.uint8),
            GRIPPER: GripperStatus(0.05, 0.08, False, False, left).array,
            BOUNDS: pack_bounds(-largest, largest),
            TCP: np.zeros(4),
        }
        return Observation(arrays, WORKSPACE)

    def step(self, action: GripperStep) -> tuple[float, float]:
        """Move, or close, which ends the episode; return reward and discount."""
        is_near = float(np.abs(self.place).max()) < REACH
        self.place = self.place - np.array(action.d_position[:2])
        self.num_steps += 1
        if action.gripper == "close":
            return float(is_near), 0.0
        if self.num_steps == self._config.action.max_steps:
            return 0.0, 0.0
        return -self._config.action.step_penalty, self._config.action.discount


def run(
    config: QtOptConfig, policy: QtOptPolicy, mode: Mode, num_episodes: int, seed: int
) -> tuple[list[Step], float]:
    """Return the steps of some episodes, and the share of successes."""
    table, rng, steps, held = Table(config, seed), np.random.default_rng(seed), [], 0
    for episode in range(num_episodes):
        table.reset()
        discount = 1.0
        while discount > 0.0:
            seen = table.observe()
            decision = policy.choose(seen, Context(mode), rng)
            reward, discount = table.step(decision.action)
            steps.append(
                Step(len(steps), episode, encode(seen), decision.encoded, reward, discount)
            )
        held += reward == 1.0
    return steps, held / num_episodes


def learn(name: str, num_steps: int) -> tuple[float, float, float]:
    """Return the share of successes at random, and by greedy weights before and after learning."""
    method: Method[QtOptConfig]
    method, config = load_method(name)
    config = override(config, KEYS)
    modules = method.make_networks(config, 0)
    policy = method.make_policy(config, method.make_networks(config, 0))
    _, before = run(config, policy, "greedy", 30, 7)
    explore = override(
        config, {"acting.exploration_shares": "[0.6, 0.4, 0.0]", "acting.noise": "1.0"}
    )
    steps, at_random = run(explore, method.make_policy(explore, modules), "random", 1200, 1)
    batches = method.make_batches(config, WORKSPACE, 0, torch.device("cpu"))
    for step in steps:
        batches.add(step)
    learner = method.make_learner(config, modules, WORKSPACE)
    for number in range(num_steps):
        learner.train_step(batches.sample(len(steps), number), number)
    policy.load(learner.targets.weights(), num_steps, "learner")
    _, after = run(config, policy, "greedy", 60, 8)
    return at_random, before, after


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_small_world_is_learned_from_random_steps_alone() -> None:
    at_random, before, after = learn("qt_opt:tiny", 500)
    assert at_random < 0.2 and before < 0.2
    assert after > 0.7
