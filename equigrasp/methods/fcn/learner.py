"""One SGD step of the method."""

from typing import cast

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.methods.fcn.config import FcnConfig
from equigrasp.methods.fcn.losses import grasp_loss
from equigrasp.methods.fcn.networks import ChannelFcn, TurningFcn
from equigrasp.networks.outputs import success_probability


class FcnLearner:
    """Adam on the loss at the tried grasps.

    Args:
        config: The method.
        modules: `q`.
    """

    def __init__(self, config: FcnConfig, modules: dict[str, torch.nn.Module]) -> None:
        self._config = config.training
        self.modules = modules
        self._q = cast(ChannelFcn | TurningFcn, modules["q"])
        self._parameters = list(self._q.parameters())
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self._parameters,
            lr=self._config.learning_rate,
            weight_decay=self._config.weight_decay,
        )

    def train_step(self, batch: GraspBatch, seed: int) -> dict[str, float]:
        """Take one SGD step, which draws nothing from `seed`; return its `loss`."""
        self._q.train()
        maps = success_probability(self._q.at_yaws(batch.heightmaps, batch.rotation_bins))
        loss = grasp_loss(maps, batch.rows, batch.cols, batch.rewards)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_value_(self._parameters, self._config.gradient_clip)
        self.optimizer.step()
        return {"loss": float(loss.detach())}


def make_learner(
    config: FcnConfig, modules: dict[str, torch.nn.Module], workspace: Workspace
) -> FcnLearner:
    """Return the learner of a configuration; it draws no pixels in the action square."""
    return FcnLearner(config, modules)
