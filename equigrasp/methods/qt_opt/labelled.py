"""Labels that are made apart from the learner, by Bellman updaters, and learning from these."""

from collections.abc import Sequence

import numpy as np
import torch

from equigrasp.errors import ConfigError
from equigrasp.learning.bellman_updater import Modules
from equigrasp.learning.labelled_learning import LabelledLearning, LabelSchedule
from equigrasp.methods.qt_opt.batches import random_views, taken
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.learner import QtOptLearner, following_values
from equigrasp.methods.qt_opt.networks import Q
from equigrasp.methods.qt_opt.states import Views, central_view, see
from equigrasp.replay.label_ring import LabelledBatch
from equigrasp.replay.ring_buffer import Transitions
from equigrasp.replay.step import Arrays


class QtOptNextValues:
    """Values what is seen after transitions; see `NextValues`.

    What is seen next is looked at in the middle and unmirrored: which view the learner will draw is not
    known yet.

    Args:
        config: The method.

    Raises:
        ConfigError: if its target needs more than two slow networks.
    """

    def __init__(self, config: QtOptConfig) -> None:
        if config.training.target not in ("single", "clipped"):
            raise ConfigError(
                f"Labels made apart from the learner need training.target single or clipped, found "
                f"{config.training.target}."
            )
        self._config = config

    def __call__(
        self,
        average: Modules,
        previous: Modules,
        transitions: Transitions,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return values, shape (n,), on the CPU; 0 after an end, where nothing is looked at."""
        values = torch.zeros(len(transitions))
        followed = np.nonzero(transitions.discounts > 0.0)[0]
        if len(followed):
            device = next(average[Q].parameters()).device
            middle = central_view(self._config.network)
            views = Views(
                *(np.repeat(a, len(followed), 0) for a in (middle.offsets, middle.mirrors))
            )
            observed = _rows(transitions.next_observation, followed)
            following = see(self._config, observed, views, device)
            networks = average[Q], average[Q], previous[Q]  # nobody asks the first one
            found = following_values(self._config, *networks, following, generator)
            values[torch.from_numpy(followed)] = found.cpu()
        return values


class LabelledLearner:
    """Learns from labels that others made; whoever runs it keeps the average of its weights.

    Args:
        config: The method.
        modules: Its network.
    """

    def __init__(self, config: QtOptConfig, modules: Modules) -> None:
        self._config, self._learner = config, QtOptLearner(config, modules)
        self.modules, self.optimizer = self._learner.modules, self._learner.optimizer

    def train_step(self, batch: LabelledBatch, seed: int) -> dict[str, float]:
        """Take one SGD step; `seed` draws how each transition is looked at."""
        device = next(self.modules[Q].parameters()).device
        views = random_views(self._config.network, len(batch), np.random.default_rng(seed))
        numbers = np.arange(len(batch))
        seen = see(self._config, _rows(batch.observation, numbers), views, device)
        actions = taken(self._config, _rows(batch.action, numbers), views, device)
        labels = torch.from_numpy(batch.labels.targets).to(device)
        metrics = self._learner.fit(seen, actions, labels)
        return metrics | {"label": float(labels.mean())}


def label_schedule(config: QtOptConfig) -> LabelSchedule:
    """Return how much is learned: as much from each step as where one process does all."""
    training = config.training
    return LabelSchedule(
        training.batch_size,
        training.average_decay,
        training.target_period,
        float(training.steps_per_attempt * training.batch_size),
        training.first_training_attempt,
        training.num_prior_episodes,
    )


LABELLED = LabelledLearning(QtOptNextValues, LabelledLearner, label_schedule)


def _rows(arrays: Arrays, numbers: Sequence[int] | np.ndarray) -> list[Arrays]:
    """Return some rows of arrays (n, ...), each as a step holds it."""
    return [{name: array[number] for name, array in arrays.items()} for number in numbers]
