"""One SGD step of PushNet and CriticNet (paper, section III-C)."""

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.precision import forward
from equigrasp.methods.push_grasp.batches import PushGraspBatch
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.losses import critic_loss, push_loss
from equigrasp.methods.push_grasp.networks import CRITIC, PUSH


class PushGraspLearner:
    """Adam on PushNet's error at the pushes carried out, and on CriticNet's at grasps tried.

    GraspNet has learned all that it will from labels; it stays as it is.

    Args:
        config: The method.
        modules: The three networks.
    """

    def __init__(self, config: PushGraspConfig, modules: dict[str, torch.nn.Module]) -> None:
        self._config = config.training
        self.modules = modules
        groups = [
            {"params": list(modules[PUSH].parameters()), "lr": self._config.learning_rate},
            {
                "params": list(modules[CRITIC].parameters()),
                "lr": self._config.critic_learning_rate,
            },
        ]
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(groups)

    def train_step(self, batch: PushGraspBatch, seed: int) -> dict[str, float]:
        """Take one SGD step, which draws nothing from `seed`; a part without data costs 0."""
        push, critic = torch.zeros(()), torch.zeros(())
        precision = self._config.precision
        if len(batch.pushes):
            self.modules[PUSH].train()
            values = forward(self.modules[PUSH], precision, batch.maps, batch.masks)
            push = push_loss(values, batch.pushes, batch.rewards)
        if len(batch.success):
            self.modules[CRITIC].train()
            logits = forward(self.modules[CRITIC], precision, batch.crops)
            critic = critic_loss(logits, batch.success)
        loss = push + critic
        self.optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
            for group in self.optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], self._config.gradient_clip)
            self.optimizer.step()
        return {
            "loss": float(loss.detach()),
            "loss_push": float(push.detach()),
            "loss_critic": float(critic.detach()),
        }


def make_learner(
    config: PushGraspConfig, modules: dict[str, torch.nn.Module], workspace: Workspace
) -> PushGraspLearner:
    """Return the learner of a configuration."""
    return PushGraspLearner(config, modules)
