"""SGD step and decision against the published method written straightforwardly."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from equigrasp.experiments.speed.reference_method import ReferenceMethod
from equigrasp.experiments.speed.reference_networks import make_reference_networks
from equigrasp.experiments.speed.stopwatch import (
    Comparison,
    alternate,
    count_multiplications,
    matrix_rates,
)
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.learning.precision import is_half_precision
from equigrasp.methods.registry import load_method
from equigrasp.networks.logit_map import logit_map
from equigrasp.networks.outputs import success_probability

ACTION_SIZE_PX = 96
_REFERENCE = "escnn, straightforward"


@dataclass(frozen=True)
class Floor:
    """The time that the arithmetic alone would take.

    Args:
        name: What was measured.
        multiplications: Multiply-adds of our form of it.
        published_multiplications: Those of the straightforward form.
        floor: Ours at the machine's measured rate [s].
        seconds: What it takes [s].
    """

    name: str
    multiplications: float
    published_multiplications: float
    floor: float
    seconds: float


class LearningSpeed:
    """Both forms of a method with the same weights.

    Args:
        method: A configuration of `asr` with equivariant networks and the paper's loss terms.
        batch_size: Attempts a step; None: the configuration's.
    """

    def __init__(self, method: str, batch_size: int | None = None) -> None:
        package, config = load_method(method)
        torch.set_num_threads(config.training.num_threads)
        self._is_half = is_half_precision(config.training.precision, torch.device("cpu"))
        modules = package.make_networks(config, 0)
        self.method = method
        self.reference = ReferenceMethod(
            config, make_reference_networks(config.network, modules), ACTION_SIZE_PX
        )
        self.learner = package.make_learner(config, modules, Workspace("speed", 0.0, 0.0))
        self.acting = copy.deepcopy(modules)  # a policy keeps its filters expanded
        for module in self.acting.values():
            module.eval()
        self.batch = make_batch(batch_size or config.training.batch_size)

    def works(self) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
        """Yield the name of each thing to measure, ours, and the reference's."""
        batch, image = self.batch, self.batch.heightmaps[:1]
        yield (
            f"{self.method}: SGD step, batch {len(batch.rewards)}",
            lambda: self.learner.train_step(batch, 0),
            lambda: self.reference.train_step(batch, 0),
        )
        yield (
            f"{self.method}: decision",
            lambda: decide(self.acting, image),
            lambda: self.reference.values(image),
        )

    def measure(self, repeats: int) -> tuple[list[Comparison], list[Floor]]:
        """Time ours and the reference in turn."""
        comparisons, floors = [], []
        rates = [max(matrix_rates(h).values()) for h in (self._is_half, False)]
        for (name, ours, theirs), rate in zip(self.works(), rates, strict=True):
            seconds, reference = alternate([ours, theirs], repeats)
            comparisons.append(Comparison(name, "s", seconds, reference, _REFERENCE))
            count, published = (count_multiplications(work) for work in (ours, theirs))
            floors.append(Floor(name, count, published, count / rate, seconds))
        return comparisons, floors


def decide(
    modules: dict[str, torch.nn.Module], heightmap: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a decision needs of our networks; see `ReferenceMethod.values`."""
    from equigrasp.methods.asr.networks import extract_patches

    with torch.inference_mode():
        border = (heightmap.shape[-1] - ACTION_SIZE_PX) // 2
        logits = logit_map(modules["q1"], heightmap, border).inner(border)
        q_map = success_probability(logits)[0]
        row, col = divmod(int(q_map.argmax()), ACTION_SIZE_PX)
        pixel = torch.tensor([[row + border]]), torch.tensor([[col + border]])
        patch = extract_patches(heightmap, *pixel)
        return q_map, success_probability(modules["q2"](patch))[0]


def make_batch(size: int) -> GraspBatch:
    """Return attempts on random heightmaps, every other one a success."""
    rng = np.random.default_rng(0)
    heightmaps = torch.from_numpy(rng.uniform(0, 0.1, (size, 1, 128, 128)).astype(np.float32))
    pixels = torch.from_numpy(rng.integers(16, 112, (2, size)))
    bins = torch.from_numpy(rng.integers(0, 8, size))
    rewards = torch.arange(size).remainder(2).float()
    return GraspBatch(heightmaps, pixels[0], pixels[1], bins, rewards)
