"""Stage 1: GraspNet and CriticNet learn from labelled grasps, epoch by epoch, and carry on after a stop."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from equigrasp.errors import WeightsError
from equigrasp.learning.checkpoint import load_optimizer_state, optimizer_tensors
from equigrasp.learning.weight_store import (
    fill_parameters,
    load_weights,
    read_parameters,
    write_weights,
)
from equigrasp.methods.push_grasp.config import StageConfig
from equigrasp.seeding import Stream, derive_seed

_SEED, _LOSSES = "seed", "losses"  # in a checkpoint's metadata
_LAST_SHARE = 0.01  # of the learning rate, at the end of the cosine

Pass = Callable[[torch.nn.Module, torch.optim.Optimizer, np.random.Generator], Iterator[float]]


@dataclass(frozen=True)
class Stage:
    """A network that learns in whole passes.

    Args:
        name: Of the network; files are named after it.
        config: How long and how fast.
        seed: Of the run; all randomness of an epoch comes from it and the epoch's number.
    """

    name: str
    config: StageConfig
    seed: int


def run_stage(stage: Stage, network: torch.nn.Module, one_pass: Pass, folder: Path) -> list[float]:
    """Learn until the last epoch, from the newest checkpoint in a folder on; return each epoch's loss.

    Args:
        stage: What to learn.
        network: Learns in place; the checkpoint's weights replace its own.
        one_pass: Passes once over the data; yields the losses of its steps.
        folder: Where the checkpoint lies; it must exist.

    Raises:
        WeightsError: if the checkpoint is damaged or of another stage.
    """
    config, path = stage.config, folder / f"{stage.name}.safetensors"
    learning = _Learning(stage, network)
    losses = _load(path, stage, learning) if path.exists() else []
    with tqdm(total=config.num_epochs, initial=len(losses), unit="epoch", desc=stage.name) as bar:
        for epoch in range(len(losses), config.num_epochs):
            for group in learning.optimizer.param_groups:
                group["lr"] = _learning_rate(config, epoch)
            rng = np.random.default_rng(derive_seed(stage.seed, Stream.EPOCHS, epoch))
            losses.append(_mean(list(one_pass(network, learning.optimizer, rng))))
            _save(path, stage, learning, losses)
            bar.update()
            bar.set_postfix_str(f"loss {losses[-1]:.4f}")
    network.eval()
    return losses


def _learning_rate(config: StageConfig, epoch: int) -> float:
    progress = epoch / max(1, config.num_epochs - 1)
    share = _LAST_SHARE + (1.0 - _LAST_SHARE) * 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * share


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


class _Learning:
    """A network with its optimiser, as checkpoints of learners take them."""

    def __init__(self, stage: Stage, network: torch.nn.Module) -> None:
        config = stage.config
        self.modules = {stage.name: network}
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )

    def train_step(self, batch: object, seed: int) -> dict[str, float]:
        """Never called: a stage passes over data in its own way."""
        raise NotImplementedError


def _save(path: Path, stage: Stage, learning: _Learning, losses: list[float]) -> None:
    tensors = read_parameters(learning.modules) | optimizer_tensors(learning)
    write_weights(path, tensors, {_SEED: str(stage.seed), _LOSSES: json.dumps(losses)})


def _load(path: Path, stage: Stage, learning: _Learning) -> list[float]:
    tensors, metadata = load_weights(path)
    if metadata.get(_SEED) != str(stage.seed):
        raise WeightsError(f"{path}: of seed {metadata.get(_SEED)}, not of seed {stage.seed}.")
    parameters = {name: t for name, t in tensors.items() if not name.startswith("adam.")}
    fill_parameters(learning.modules, parameters, str(path))
    load_optimizer_state(learning, tensors)
    return [float(loss) for loss in json.loads(metadata[_LOSSES])]
