"""A method of no use: two-step episodes, a continuous action, a cloud of points of any number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from equigrasp.environments.environment import StepResult
from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Context, Decision, Probe
from equigrasp.learning.method import Method
from equigrasp.learning.method_config import TrainerConfig
from equigrasp.learning.weight_store import fill_parameters
from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import GraspOutcome
from equigrasp.replay.step import ArraySpec, ExperienceSpec, Step
from equigrasp.seeding import derive_seed

WORKSPACE = Workspace("left", 0.45, 0.21)
SPEC = ExperienceSpec(
    observation={"points": ArraySpec((None, 3), "float32", "zlib", "m")},
    action={"velocity": ArraySpec((2,), "float64", unit="m/s", low=-1.0, high=1.0)},
    reward_range=(0.0, 1.0),
)


@dataclass(frozen=True)
class ToyConfig:
    """The whole method."""

    method: str = "toy"
    training: TrainerConfig = field(
        default_factory=lambda: TrainerConfig(first_training_attempt=4, checkpoint_every=3)
    )


class ToyBatches:
    """Pairs of a step and the value of the one after it, 0 at the end of an episode."""

    def __init__(self, seed: int) -> None:
        self._seed, self._steps = seed, list[Step]()

    @property
    def num_bytes(self) -> int:
        """Memory of the points."""
        return sum(step.observation["points"].nbytes for step in self._steps)

    def add(self, step: Step) -> None:
        """Keep a step."""
        self._steps.append(step)

    def sample(self, newest: int, sgd_step: int) -> torch.Tensor:
        """Return rows of features, reward, and discounted reward of the next step, shape (8, 7)."""
        rng = np.random.default_rng(derive_seed(self._seed, sgd_step))
        rows = []
        for index in rng.integers(0, newest + 1, 8).tolist():
            step = self._steps[index]
            following = self._steps[index + 1] if not step.is_last and index < newest else None
            ahead = step.discount * following.reward if following else 0.0
            mean = step.observation["points"].mean(axis=0)
            rows.append([*mean, *step.action["velocity"], step.reward, ahead])
        return torch.tensor(np.array(rows), dtype=torch.float32)


class ToyLearner:
    """Regression of the return over two steps."""

    def __init__(self, modules: dict[str, torch.nn.Module]) -> None:
        self.modules = modules
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(modules["q"].parameters(), 0.01)

    def train_step(self, batch: torch.Tensor, seed: int) -> Mapping[str, float]:
        """Take one SGD step."""
        loss = (self.modules["q"](batch[:, :5])[:, 0] - batch[:, 5] - batch[:, 6]).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"toy_error": float(loss.detach())}


def make_networks(config: Any, seed: int) -> dict[str, torch.nn.Module]:
    """Return one layer, `q`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"q": torch.nn.Linear(5, 1)}


def make_step(index: int) -> Step:
    """Return a step of a run: episodes of two steps, clouds of one point and more."""
    rng = np.random.default_rng([3, index])
    is_last = index % 2 == 1
    points = rng.normal(size=(1 + index % 5, 3)).astype(np.float32)
    action = {"velocity": rng.uniform(-1.0, 1.0, 2)}
    reward = float(is_last and points.mean() > 0.0)
    return Step(index, index // 2, {"points": points}, action, reward, 0.0 if is_last else 0.9)


def points_of(observation: Observation) -> np.ndarray:
    """Return the points of an observation, or those of a heightmap that rise above 2 cm, shape (n, 3)."""
    if "points" in observation.arrays:
        return observation.arrays["points"]
    rows, cols = np.nonzero(observation.heightmap > 0.02)
    size = observation.workspace.pixel_size
    return np.column_stack([rows * size, cols * size, observation.heightmap[rows, cols]]).astype(
        np.float32
    )


class ToyPolicy:
    """Tries some velocities, and takes the one that its network values most."""

    version = 0

    def __init__(self, modules: dict[str, torch.nn.Module]) -> None:
        self._modules = modules

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[GripperStep]:
        """Choose a velocity [m/s]; at random in mode `random`."""
        tried = rng.uniform(-1.0, 1.0, (1 if context.mode == "random" else 8, 2))
        mean = np.tile(points_of(observation).mean(axis=0), (len(tried), 1))
        rows = torch.tensor(np.column_stack([mean, tried]), dtype=torch.float32)
        with torch.no_grad():
            values = self._modules["q"](rows)[:, 0].numpy()
        best = int(values.argmax())
        x, y = tried[best].tolist()
        step = GripperStep((x, y, 0.0), 0.0)
        return Decision(step, {"velocity": tried[best]}, float(values[best]), {}, self.version)

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over weights."""
        fill_parameters(self._modules, tensors, source)
        self.version = version

    def probe(self) -> Probe:
        """Return nothing."""
        return Probe()


class ToyRoom:
    """Two steps an episode: who is fast to the right in both is rewarded at the end."""

    def __init__(self, seed: int) -> None:
        self._seed, self._episode, self._way = seed, -1, list[float]()
        self.reset()

    @property
    def is_over(self) -> bool:
        """Whether two steps were taken."""
        return len(self._way) == 2

    def observe(self) -> Observation:
        """Return a cloud of one to five points."""
        rng = np.random.default_rng([self._seed, self._episode, len(self._way)])
        points = rng.normal(size=(int(rng.integers(1, 6)), 3)).astype(np.float32)
        return Observation({"points": points}, WORKSPACE)

    def step(self, action: GripperStep) -> StepResult:
        """Move."""
        self._way.append(action.d_position[0])
        is_good = self.is_over and min(self._way) > 0.0
        outcome = GraspOutcome(is_good, False, 0.0, 1.0, 0.0)
        return StepResult(float(is_good), outcome, 0.0 if self.is_over else 0.9)

    def reset(self) -> None:
        """Begin the next episode."""
        self._episode, self._way = self._episode + 1, []

    def recover(self) -> None:
        """Do nothing."""


METHOD = Method(
    name="toy",
    config=ToyConfig,
    metrics={"toy_error": "Mean square error of the return."},
    make_spec=lambda config, workspace: SPEC,
    make_networks=make_networks,
    encode=lambda observation: {"points": points_of(observation)},
    make_policy=lambda config, modules: ToyPolicy(modules),
    make_batches=lambda config, workspace, seed, device: ToyBatches(seed),
    make_learner=lambda config, modules, workspace: ToyLearner(modules),
)
