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
        q_map = self._q_map(image, border)
        row, col = sample_index(boltzmann_probabilities(q_map, temperature, mask), rng)
        pixel = np.array([[row + border, col + border]])
        rotation_values = self._rotation_values(image, pixel)[0]
        probabilities = boltzmann_probabilities(rotation_values, temperature)
        rotation_bin = sample_index(probabilities, rng)[0]
        q_value = float(rotation_values[rotation_bin])
        return Selection(row, col, rotation_bin, q_value, q_map, rotation_values)

    def _q_map(self, image: torch.Tensor, border: int) -> np.ndarray:
        logits = logit_map(self._modules["q1"], image, border).inner(border)
        return np.asarray(success_probability(logits)[0].cpu().numpy())

    def _rotation_values(self, image: torch.Tensor, pixels: np.ndarray) -> np.ndarray:
        rows, cols = torch.from_numpy(pixels.T.copy()).to(image.device)[:, None]
        patches = extract_patches(image, rows, cols, self._is_patch_relative)
        return np.asarray(success_probability(self._modules["q2"](patches)).cpu().numpy())


def make_policy(config: AsrConfig, modules: dict[str, torch.nn.Module]) -> AsrPolicy:
    """Return the policy of a configuration; it owns the modules."""
    return AsrPolicy(config, modules)
