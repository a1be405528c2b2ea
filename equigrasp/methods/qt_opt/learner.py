"""One SGD step on labels that are made on the spot (paper, sections 4.1 and F.4)."""

from functools import partial

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.clipped_double_q import bellman_labels, next_values
from equigrasp.learning.cross_entropy_method import Candidates, maximise
from equigrasp.learning.target_networks import TargetNetworks
from equigrasp.methods.qt_opt.batches import TransitionBatch
from equigrasp.methods.qt_opt.config import QtOptConfig, TrainingConfig
from equigrasp.methods.qt_opt.losses import q_loss
from equigrasp.methods.qt_opt.networks import Q, QCritic
from equigrasp.methods.qt_opt.states import Seen

METRICS = {
    "loss": "Error of Q at the steps taken, against their labels.",
    "q_value": "Mean Q of the steps taken.",
    "label": "Mean label.",
    "next_value": "Mean value of the states that follow, by their best action; 0 where none follows.",
    "clipped": "Share of labels that were clipped at 0 or 1.",
    "lag": "SGD steps by which the older target network is behind.",
}


class QtOptLearner:
    """Q-learning with labels from two slow copies of the network.

    Args:
        config: The method.
        modules: Its network.

    Attributes:
        targets: The slow copies.
    """

    def __init__(self, config: QtOptConfig, modules: dict[str, torch.nn.Module]) -> None:
        self._config, training = config, config.training
        self.modules = modules
        self.optimizer = make_optimizer(training, modules[Q])
        self.targets = TargetNetworks(modules, training.average_decay, training.target_period)

    def train_step(self, batch: TransitionBatch | None, seed: int) -> dict[str, float]:
        """Take one SGD step; without a batch nothing is learned, and the targets follow all the same."""
        metrics = dict.fromkeys(METRICS, 0.0) | {"lag": float(self.targets.lag)}
        if batch is not None:
            labels, found = self.label(batch, seed)
            metrics |= found | self.fit(batch.seen, batch.actions, labels)
        self.targets.follow(self.modules)
        return metrics

    def label(self, batch: TransitionBatch, seed: int) -> tuple[torch.Tensor, dict[str, float]]:
        """Return labels, shape (B,), and what there is to say of them; all randomness comes from `seed`.

        States after a terminal step are not looked at.
        """
        training = self._config.training
        if training.target == "monte_carlo":
            labels = batch.outcomes
            return labels, {"label": float(labels.mean())}
        values = torch.zeros_like(batch.rewards)
        is_followed = batch.discounts > 0.0
        if bool(is_followed.any()):
            values[is_followed] = following_values(
                self._config,
                self.modules[Q],
                self.targets.average[Q],
                self.targets.previous[Q],
                batch.following.where(is_followed),
                torch.Generator().manual_seed(seed),
            )
        labels = bellman_labels(batch.rewards, batch.discounts, values)
        whole = batch.rewards + batch.discounts * values
        return labels, {
            "label": float(labels.mean()),
            "next_value": float(values.mean()),
            "clipped": float((whole != labels).float().mean()),
        }

    def fit(self, seen: Seen, actions: Candidates, labels: torch.Tensor) -> dict[str, float]:
        """Move Q of actions, N = 1, in what was seen towards labels, shape (B,)."""
        training = self._config.training
        network = self.modules[Q].train()
        critic = QCritic(self._config, network, False, training.precision)
        logits = critic.logits(critic.encode(seen.states), actions)[:, 0]  # (B, heads)
        loss = q_loss(logits, labels, training.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if training.gradient_clip:
            torch.nn.utils.clip_grad_norm_(network.parameters(), training.gradient_clip)
        self.optimizer.step()
        q_value = float(torch.sigmoid(logits.detach()).mean())
        return {"loss": float(loss.detach()), "q_value": q_value}


def following_values(
    config: QtOptConfig,
    current: torch.nn.Module,
    average: torch.nn.Module,
    previous: torch.nn.Module,
    following: Seen,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return what is worth what is seen next, shape (B,), by the target of a configuration.

    Args:
        config: The method.
        current: Network that learns; `next_values` tells what each is for.
        average: See `TargetNetworks`.
        previous: See `TargetNetworks`.
        following: Of B states, none of them after an end.
        generator: All randomness of the search.
    """
    is_symmetric, training = config.network.symmetry == "network", config.training
    learning, first, second = (
        QCritic(config, network.eval(), is_symmetric, training.precision)
        for network in (current, average, previous)
    )
    search = partial(
        maximise,
        space=following.space(config.acting),
        config=config.search,
        generator=generator,
    )
    heads = training.target_heads
    states = following.states
    return next_values(training.target, learning, first, second, states, search, heads)


def make_learner(
    config: QtOptConfig, modules: dict[str, torch.nn.Module], workspace: Workspace
) -> QtOptLearner:
    """Return the learner of a configuration."""
    return QtOptLearner(config, modules)


def make_optimizer(training: TrainingConfig, network: torch.nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser; only weights of convolutions and linear maps decay."""
    trained = [p for p in network.parameters() if p.requires_grad]
    layers = torch.nn.Conv2d | torch.nn.Linear
    decaying = {id(m.weight) for m in network.modules() if isinstance(m, layers)}
    groups = [
        {
            "params": [p for p in trained if (id(p) in decaying) is is_decaying],
            "weight_decay": decay,
        }
        for is_decaying, decay in ((True, training.weight_decay), (False, 0.0))
    ]
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, training.learning_rate, training.momentum)
    return torch.optim.Adam(groups, training.learning_rate)
