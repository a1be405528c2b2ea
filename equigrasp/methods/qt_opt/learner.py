"""One SGD step on labels that are made on the spot (paper, sections 4.1 and F.4)."""

from functools import partial

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.clipped_double_q import bellman_labels, next_values
from equigrasp.learning.cross_entropy_method import maximise
from equigrasp.learning.target_networks import TargetNetworks
from equigrasp.methods.qt_opt.batches import TransitionBatch
from equigrasp.methods.qt_opt.config import QtOptConfig, TrainingConfig
from equigrasp.methods.qt_opt.losses import q_loss
from equigrasp.methods.qt_opt.networks import Q, QCritic

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
            metrics |= found | self.fit(batch, labels)
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
            values[is_followed] = self._next_values(batch, is_followed, seed)
        labels = bellman_labels(batch.rewards, batch.discounts, values)
        whole = batch.rewards + batch.discounts * values
        return labels, {
            "label": float(labels.mean()),
            "next_value": float(values.mean()),
            "clipped": float((whole != labels).float().mean()),
        }

    def fit(self, batch: TransitionBatch, labels: torch.Tensor) -> dict[str, float]:
        """Move Q at the steps taken towards labels, shape (B,)."""
        training = self._config.training
        network = self.modules[Q].train()
        critic = QCritic(self._config, network, is_symmetric=False)
        logits = critic.logits(critic.encode(batch.seen.states), batch.actions)[:, 0]  # (B, heads)
        loss = q_loss(logits, labels, training.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if training.gradient_clip:
            torch.nn.utils.clip_grad_norm_(network.parameters(), training.gradient_clip)
        self.optimizer.step()
        q_value = float(torch.sigmoid(logits.detach()).mean())
        return {"loss": float(loss.detach()), "q_value": q_value}

    def _next_values(
        self, batch: TransitionBatch, is_followed: torch.Tensor, seed: int
    ) -> torch.Tensor:
        config, targets = self._config, self.targets
        is_symmetric = config.network.symmetry == "network"
        current, average, previous = (
            QCritic(config, modules[Q].eval(), is_symmetric)
            for modules in (self.modules, targets.average, targets.previous)
        )
        following = batch.following.where(is_followed)
        search = partial(
            maximise,
            space=following.space(config.acting),
            config=config.search,
            generator=torch.Generator().manual_seed(seed),
        )
        target, heads = config.training.target, config.training.target_heads
        return next_values(target, current, average, previous, following.states, search, heads)


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
