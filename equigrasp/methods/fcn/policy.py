"""Pixel and yaw together, by one network."""

import numpy as np
import torch

from equigrasp.learning.exploration import boltzmann_probabilities, sample_index
from equigrasp.learning.pixel_policy import PixelPolicy, Selection
from equigrasp.methods.fcn.config import FcnConfig
from equigrasp.networks.outputs import success_probability


class FcnPolicy(PixelPolicy):
    """One selection among all yaws of all pixels."""

    def __init__(self, config: FcnConfig, modules: dict[str, torch.nn.Module]) -> None:
        super().__init__(config.acting, config.training, config.network.num_rotations, modules)

    def _select(
        self,
        image: torch.Tensor,
        mask: np.ndarray,
        temperature: float,
        rng: np.random.Generator,
    ) -> Selection:
        border = (image.shape[-1] - len(mask)) // 2
        inner = slice(border, image.shape[-1] - border)
        maps = self._maps(image)[:, inner, inner]
        allowed = np.broadcast_to(mask, maps.shape)  # (n, A, A)
        probabilities = boltzmann_probabilities(maps, temperature, allowed)
        rotation_bin, row, col = sample_index(probabilities, rng)
        values = maps[:, row, col]
        q_value = float(values[rotation_bin])
        return Selection(row, col, rotation_bin, q_value, maps.max(0), values)

    def _q_map(self, image: torch.Tensor, border: int) -> np.ndarray:
        inner = slice(border, image.shape[-1] - border)
        return np.asarray(self._maps(image)[:, inner, inner].max(0))

    def _rotation_values(self, image: torch.Tensor, pixels: np.ndarray) -> np.ndarray:
        return np.asarray(self._maps(image)[:, pixels[:, 0], pixels[:, 1]].T)

    def _maps(self, image: torch.Tensor) -> np.ndarray:
        """Return the values of all yaws at all pixels, shape (n, S, S)."""
        return np.asarray(success_probability(self._modules["q"](image))[0].cpu().numpy())


def make_policy(config: FcnConfig, modules: dict[str, torch.nn.Module]) -> FcnPolicy:
    """Return the policy of a configuration; it owns the modules."""
    return FcnPolicy(config, modules)
