"""The published SGD step and decision, written straightforwardly over the reference networks.

What our method changes on purpose (patches centred on the pixel, a height reference for each
sample: docs/methods/asr.md) is kept, so that both must give the same numbers.
"""

import torch
from torch.nn.functional import binary_cross_entropy, smooth_l1_loss

from equigrasp.learning.grasping.grasp_batches import GraspBatch
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.methods.asr.networks import extract_patches


class ReferenceMethod:
    """L1' + L1'' + L2 with a forward pass each, two Adam optimisers and one backward pass.

    Args:
        config: The method; softmax outputs, the loss terms of the paper.
        modules: `q1` and `q2` of `make_reference_networks`, always in training mode, as published.
        action_size_px: Side of the square in which off-policy pixels are drawn.
    """

    def __init__(
        self, config: AsrConfig, modules: dict[str, torch.nn.Module], action_size_px: int
    ) -> None:
        self._config = config.training
        is_huber = config.training.loss == "smooth_l1"
        self._error = smooth_l1_loss if is_huber else binary_cross_entropy
        self._q1, self._q2 = modules["q1"], modules["q2"]
        self._action_size_px = action_size_px
        self._optimizers = [
            torch.optim.Adam(
                m.parameters(),
                lr=config.training.learning_rate,
                weight_decay=config.training.weight_decay,
            )
            for m in (self._q1, self._q2)
        ]

    def train_step(self, batch: GraspBatch, seed: int) -> dict[str, float]:
        """Take one SGD step; see `Learner.train_step`."""
        samples = torch.arange(len(batch.rewards))
        patches = extract_patches(batch.heightmaps, batch.rows[:, None], batch.cols[:, None])
        tried = self._yaw_values(patches)[samples, batch.rotation_bins]
        loss_q2 = self._error(tried, batch.rewards)
        q_map = torch.softmax(self._q1(batch.heightmaps), 1)[:, 1]
        values = q_map[samples, batch.rows, batch.cols]
        is_success = batch.rewards > 0.5
        loss_on = values.new_zeros(())
        if bool(is_success.any()):
            loss_on = loss_on + self._error(values[is_success], batch.rewards[is_success])
        if bool((~is_success).any()):
            with torch.no_grad():
                others = self._yaw_values(patches[~is_success])
            others[torch.arange(len(others)), batch.rotation_bins[~is_success]] = 0.0
            targets = others.max(1)[0].clamp(0.0, 1.0)
            loss_on = loss_on + self._error(values[~is_success], targets)
        loss_off = self._off_policy(batch, q_map, seed)
        loss = loss_on + loss_off + loss_q2
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        loss.backward()
        for module in (self._q1, self._q2):
            torch.nn.utils.clip_grad_value_(module.parameters(), self._config.gradient_clip)
        for optimizer in self._optimizers:
            optimizer.step()
        return {
            "loss": loss.item(),
            "loss_q1_on_policy": loss_on.item(),
            "loss_q1_off_policy": loss_off.item(),
            "loss_q2": loss_q2.item(),
        }

    @torch.no_grad()
    def values(self, heightmap: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the Q-map (A, A) of a heightmap (1, 1, S, S) and the yaw values at its maximum."""
        border = (heightmap.shape[-1] - self._action_size_px) // 2
        inner = slice(border, border + self._action_size_px)
        q_map = torch.softmax(self._q1(heightmap), 1)[0, 1, inner, inner]
        best = int(q_map.argmax())
        row, col = (v + border for v in divmod(best, self._action_size_px))
        patch = extract_patches(heightmap, torch.tensor([[row]]), torch.tensor([[col]]))
        return q_map, self._yaw_values(patch)[0]

    def _yaw_values(self, patches: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self._q2(patches), 1)[:, 1]  # (B, n)

    def _off_policy(self, batch: GraspBatch, q_map: torch.Tensor, seed: int) -> torch.Tensor:
        count, side = self._config.num_off_policy_pixels, self._action_size_px
        border = (q_map.shape[-1] - side) // 2
        inner = q_map[:, border : border + side, border : border + side].detach()
        weights = torch.softmax(inner.flatten(1) / self._config.off_policy_temperature, 1)
        drawn = torch.multinomial(weights, count, generator=torch.Generator().manual_seed(seed))
        rows, cols = drawn // side + border, drawn % side + border
        with torch.no_grad():
            patches = extract_patches(batch.heightmaps, rows, cols)
            targets = self._yaw_values(patches).max(1)[0].view(-1, count)
        values = q_map[torch.arange(len(q_map))[:, None], rows, cols]
        return self._error(values, targets)
