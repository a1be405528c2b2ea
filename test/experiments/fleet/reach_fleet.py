"""A fleet of no use: points on a plane that are to come near the origin, and a small Q-function."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from equigrasp.experiments.fleet.parts import FleetParts
from equigrasp.learning.bellman_updater import Modules
from equigrasp.replay.frames import Episode
from equigrasp.replay.label_ring import LabelledBatch
from equigrasp.replay.ring_buffer import Transitions
from equigrasp.replay.step import ArraySpec, ExperienceSpec, Step
from equigrasp.seeding import derive_seed

SPEC = ExperienceSpec(
    observation={"state": ArraySpec((2,), "float32")},
    action={"motion": ArraySpec((2,), "float32", low=-1.0, high=1.0)},
    reward_range=(-0.02, 1.0),
)
MAX_STEPS, NUM_TRIED = 6, 16


def make_networks(seed: int = 0) -> Modules:
    """Return a Q-function of state and motion, `q`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
        return {"q": torch.nn.Sequential(*layers)}


def next_values(
    average: Modules, previous: Modules, transitions: Transitions, generator: torch.Generator
) -> torch.Tensor:
    """Return the value of the best of some motions, the smaller of both networks, shape (n,)."""
    states = torch.from_numpy(transitions.next_observation["state"])  # (n, 2)
    motions = torch.rand(len(states), NUM_TRIED, 2, generator=generator) * 2 - 1  # (n, N, 2)
    rows = torch.cat([states[:, None].expand(-1, NUM_TRIED, -1), motions], 2)
    first = torch.sigmoid(average["q"](rows))[..., 0]  # (n, N)
    second = torch.sigmoid(previous["q"](rows))[..., 0]
    best = first.argmax(1, keepdim=True)
    return torch.minimum(first.gather(1, best), second.gather(1, best))[:, 0]


class ReachLearner:
    """Cross-entropy with the labels."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(modules["q"].parameters(), 0.01)

    def train_step(self, batch: LabelledBatch, seed: int) -> Mapping[str, float]:
        """Take one SGD step."""
        rows = np.concatenate([batch.observation["state"], batch.action["motion"]], 1)
        logits = self.modules["q"](torch.from_numpy(rows))[:, 0]
        targets = torch.from_numpy(batch.labels.targets)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": float(loss.detach())}


class ReachSource:
    """Episodes of a point that moves at random, or half as its Q-function likes best."""

    def __init__(self, seed: int) -> None:
        self._seed, self._modules, self.version = seed, make_networks(), 0

    def load(self, tensors: dict[str, torch.Tensor], version: int) -> None:
        """Take over weights."""
        self._modules["q"].load_state_dict({k.removeprefix("q."): t for k, t in tensors.items()})
        self.version = version

    def run(self, number: int) -> Episode:
        """Return the episode of a number; every seventh is cancelled in its midst."""
        rng = np.random.default_rng(derive_seed(self._seed, number))
        state, episode = rng.uniform(-1.5, 1.5, 2).astype(np.float32), Episode()
        for place in range(MAX_STEPS):
            tried = rng.uniform(-1.0, 1.0, (NUM_TRIED, 2)).astype(np.float32)
            motion = tried[0] if rng.random() < 0.5 else self._best(state, tried)
            observation = {"state": state.copy()}
            state = (state + motion).astype(np.float32)
            is_success = bool(np.hypot(*state) < 0.4)
            is_end = is_success or place == MAX_STEPS - 1
            is_cut = number % 7 == 6 and place == 2 and not is_end
            reward = float(is_success) if is_end else -0.02
            discount = 0.0 if is_end else 0.9
            action = {"motion": motion}
            step = Step(place, number, observation, action, reward, discount, is_cut)
            episode.append((step, {"policy_version": self.version}))
            if is_end or is_cut:
                break
        return episode

    def close(self) -> None:
        """Do nothing."""

    def _best(self, state: np.ndarray, tried: np.ndarray) -> np.ndarray:
        rows = np.concatenate([np.tile(state, (len(tried), 1)), tried], 1)
        with torch.no_grad():
            return tried[int(self._modules["q"](torch.from_numpy(rows))[:, 0].argmax())]


def make_parts(settings: Mapping[str, Any]) -> FleetParts:
    """Return the parts of this fleet."""
    seed = int(settings.get("seed", 0))
    return FleetParts(
        spec=SPEC,
        make_networks=lambda: make_networks(seed),
        next_values=next_values,
        make_learner=ReachLearner,
        make_source=ReachSource,
    )
