"""Stage 1: GraspNet and CriticNet learn from labelled grasps, epoch by epoch, and carry on after a stop."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from equigrasp.errors import WeightsError
from equigrasp.methods.push_grasp.config import StageConfig
from equigrasp.seeding import Stream, derive_seed

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
    config, path = stage.config, folder / f"{stage.name}.pt"
    optimizer = torch.optim.Adam(
        network.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    losses = _load(path, stage, network, optimizer) if path.exists() else []
    with tqdm(total=config.num_epochs, initial=len(losses), unit="epoch", desc=stage.name) as bar:
        for epoch in range(len(losses), config.num_epochs):
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate(config, epoch)
            rng = np.random.default_rng(derive_seed(stage.seed, Stream.EPOCHS, epoch))
            losses.append(_mean(list(one_pass(network, optimizer, rng))))
            _save(path, stage, network, optimizer, losses)
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


def _save(
    path: Path,
    stage: Stage,
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: list[float],
) -> None:
    state = {
        "stage": (stage.name, stage.seed),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "losses": losses,
    }
    trial = path.with_name(f"{path.name}.part")
    with trial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    trial.replace(path)


def _load(
    path: Path, stage: Stage, network: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> list[float]:
    try:
        state = torch.load(path, weights_only=True)
        found = tuple(state["stage"])
        if found != (stage.name, stage.seed):
            raise WeightsError(
                f"{path}: a checkpoint of {found}, not of {(stage.name, stage.seed)}."
            )
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        return [float(loss) for loss in state["losses"]]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError) as error:
        raise WeightsError(f"{path}: not a whole checkpoint of '{stage.name}': {error}") from error
