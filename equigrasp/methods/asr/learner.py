"""One SGD step of the method."""

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.learning.precision import in_precision
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.methods.asr.losses import (
    error_of,
    mean_over_views,
    off_policy_loss,
    on_policy_loss,
    on_policy_target,
)
from equigrasp.methods.asr.networks import extract_patches
from equigrasp.networks.logit_map import LogitMap, logit_map
from equigrasp.networks.outputs import success_probability
from equigrasp.networks.steerable_convolution import sharing_filters


class AsrLearner:
    """Adam on the losses of q1 and q2, L1' + L1'' + L2 in the paper, over both together.

    Args:
        config: The method.
        modules: `q1` and `q2`.
        action_size_px: Side of the square in which off-policy pixels are drawn.
    """

    def __init__(
        self, config: AsrConfig, modules: dict[str, torch.nn.Module], action_size_px: int
    ) -> None:
        self._config = config.training
        self._error = error_of(config.training.loss)
        self.modules = modules
        self._q1, self._q2 = modules["q1"], modules["q2"]
        self._is_patch_relative = config.network.is_patch_relative
        self._action_size_px = action_size_px
        self._parameters = [p for m in modules.values() for p in m.parameters()]
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self._parameters,
            lr=self._config.learning_rate,
            weight_decay=self._config.weight_decay,
        )

    def train_step(self, batch: GraspBatch, seed: int) -> dict[str, float]:
        """Take one SGD step; `seed` draws the off-policy pixels.

        Returns:
            `loss`, `loss_q1_on_policy`, `loss_q1_off_policy` and `loss_q2`.
        """
        for module in self.modules.values():
            module.train()
        with sharing_filters(*self.modules.values()):
            device = batch.heightmaps.device
            with in_precision(self._config.precision, device):
                loss_on, loss_off, loss_q2 = self._losses(batch, seed)
            loss = loss_on + loss_off + loss_q2
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
        torch.nn.utils.clip_grad_value_(self._parameters, self._config.gradient_clip)
        self.optimizer.step()
        return {
            "loss": float(loss.detach()),
            "loss_q1_on_policy": float(loss_on.detach()),
            "loss_q1_off_policy": float(loss_off.detach()),
            "loss_q2": float(loss_q2.detach()),
        }

    def _losses(
        self, batch: GraspBatch, seed: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return L1' (or L1), L1'' and L2."""
        border = (batch.heightmaps.shape[-1] - self._action_size_px) // 2
        q_map = logit_map(self._q1, batch.heightmaps, border)
        rows, cols = self._draw_pixels(q_map, border, batch, seed)  # (B, 1 + k)
        pixels = q_map.at(rows, cols)  # (B, C, 1 + k)
        rotations = self._rotations(batch, rows[:, :1], cols[:, :1])  # (B, C, n)
        tried = rotations[torch.arange(len(rows)), :, batch.rotation_bins]
        loss_q2 = self._error(tried, batch.rewards)
        if self._config.q1_target == "reward":
            loss_on = self._error(pixels[:, :, 0], batch.rewards)
        else:
            values = success_probability(rotations.detach())
            targets = on_policy_target(batch.rewards, batch.rotation_bins, values)
            targets = mean_over_views(targets, batch.num_views)
            loss_on = on_policy_loss(pixels[:, :, 0], targets, batch.rewards, self._error)
        if self._config.num_off_policy_pixels == 0:
            return loss_on, pixels.new_zeros(()), loss_q2
        with torch.no_grad():
            best = success_probability(self._rotations(batch, rows[:, 1:], cols[:, 1:]))
        best = best.reshape(*rows[:, 1:].shape, -1)
        loss_off = off_policy_loss(pixels[:, :, 1:], best, self._error)
        return loss_on, loss_off, loss_q2

    def _rotations(
        self, batch: GraspBatch, rows: torch.Tensor, cols: torch.Tensor
    ) -> torch.Tensor:
        """Return what q2 puts out at pixels of shape (B, K), shape (B * K, C, n)."""
        patches = extract_patches(batch.heightmaps, rows, cols, self._is_patch_relative)
        return torch.as_tensor(self._q2(patches))

    @torch.no_grad()
    def _draw_pixels(
        self, q_map: LogitMap, border: int, batch: GraspBatch, seed: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows and columns of the tried pixels and of k drawn ones, each (B, 1 + k)."""
        rows, cols = batch.rows[:, None], batch.cols[:, None]
        count = self._config.num_off_policy_pixels
        if count == 0:
            return rows, cols
        values = success_probability(q_map.inner(border)).flatten(1)
        weights = torch.softmax(values / self._config.off_policy_temperature, 1)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.multinomial(weights.cpu(), count, generator=generator).to(rows.device)
        side = self._action_size_px
        rows = torch.cat([rows, drawn // side + border], 1)
        return rows, torch.cat([cols, drawn % side + border], 1)


def make_learner(
    config: AsrConfig, modules: dict[str, torch.nn.Module], workspace: Workspace
) -> AsrLearner:
    """Return the learner of a configuration."""
    return AsrLearner(config, modules, workspace.action_size_px)
