"""The pixel by q1, the yaw by q2 (paper, section 3.2)."""

import numpy as np
import torch

from equigrasp.learning.exploration import boltzmann_probabilities, sample_index
from equigrasp.learning.pixel_policy import PixelPolicy, Selection
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.methods.asr.networks import extract_patches
from equigrasp.networks.logit_map import logit_map
from equigrasp.networks.outputs import success_probability


class AsrPolicy(PixelPolicy):
    """Selection of the pixel, then of the yaw at that pixel, both at the same temperature."""

    def __init__(self, config: AsrConfig, modules: dict[str, torch.nn.Module]) -> None:
        network = config.network
        is_equivariant = network.kind == "equivariant"
        super().__init__(
            config.acting, config.training, network.num_rotations, modules, is_equivariant
        )
        self._is_patch_relative = config.network.is_patch_relative

    def _select(
        self,
        image: torch.Tensor,
        mask: np.ndarray,
        temperature: float,
        rng: np.random.Generator,
    ) -> Selection:
        border = (image.shape[-1] - len(mask)) // 2
        logits = logit_map(self._modules["q1"], image, border).inner(border)
        q_map = success_probability(logits)[0].cpu().numpy()
        row, col = sample_index(boltzmann_probabilities(q_map, temperature, mask), rng)
        rows, cols = torch.tensor([[[row + border]], [[col + border]]], device=image.device)
        patch = extract_patches(image, rows, cols, self._is_patch_relative)
        rotation_values = success_probability(self._modules["q2"](patch))[0].cpu().numpy()
        probabilities = boltzmann_probabilities(rotation_values, temperature)
        rotation_bin = sample_index(probabilities, rng)[0]
        q_value = float(rotation_values[rotation_bin])
        return Selection(row, col, rotation_bin, q_value, q_map, rotation_values)


def make_policy(config: AsrConfig, modules: dict[str, torch.nn.Module]) -> AsrPolicy:
    """Return the policy of a configuration; it owns the modules."""
    return AsrPolicy(config, modules)
