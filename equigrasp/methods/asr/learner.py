"""One SGD step of the method."""

import torch

from equigrasp.learning.interfaces import GraspBatch
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.methods.asr.losses import (
    mean_over_views,
    off_policy_loss,
    on_policy_loss,
    on_policy_target,
    reward_loss,
)
from equigrasp.methods.asr.networks import extract_patches
from equigrasp.networks.outputs import success_probability


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
        q_map = success_probability(self._q1(batch.heightmaps))  # (B, S, S)
        samples = torch.arange(len(q_map))
        rotation_values = self._rotation_values(
            batch, batch.rows[:, None], batch.cols[:, None]
        )  # (B, n)
        tried = rotation_values.gather(1, batch.rotation_bins[:, None])[:, 0]
        loss_q2 = reward_loss(tried, batch.rewards)
        values = q_map[samples, batch.rows, batch.cols]
        if self._config.q1_target == "reward":
            loss_on = reward_loss(values, batch.rewards)
        else:
            targets = on_policy_target(
                batch.rewards, batch.rotation_bins, rotation_values.detach()
            )
            targets = mean_over_views(targets, batch.num_views)
            loss_on = on_policy_loss(values, targets, batch.rewards)
        loss_off = self._off_policy(batch, q_map, seed)
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

    def _rotation_values(
        self, batch: GraspBatch, rows: torch.Tensor, cols: torch.Tensor
    ) -> torch.Tensor:
        """Return q2 at pixels of shape (B, K), shape (B * K, n)."""
        patches = extract_patches(batch.heightmaps, rows, cols, self._is_patch_relative)
        return success_probability(self._q2(patches))

    def _off_policy(self, batch: GraspBatch, q_map: torch.Tensor, seed: int) -> torch.Tensor:
        count = self._config.num_off_policy_pixels
        if count == 0:
            return q_map.new_zeros(())
        border = (q_map.shape[-1] - self._action_size_px) // 2
        inner = slice(border, border + self._action_size_px)
        weights = torch.softmax(
            q_map.detach()[:, inner, inner].flatten(1) / self._config.off_policy_temperature, 1
        )
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.multinomial(weights.cpu(), count, generator=generator)
        flat = drawn.to(q_map.device)  # (B, k)
        rows = flat // self._action_size_px + border
        cols = flat % self._action_size_px + border
        with torch.no_grad():
            rotation_values = self._rotation_values(batch, rows, cols)
        samples = torch.arange(len(q_map))[:, None]
        return off_policy_loss(
            q_map[samples, rows, cols], rotation_values.reshape(len(q_map), count, -1)
        )


def make_learner(
    config: AsrConfig, modules: dict[str, torch.nn.Module], action_size_px: int
) -> AsrLearner:
    """Return the learner of a configuration."""
    return AsrLearner(config, modules, action_size_px)
