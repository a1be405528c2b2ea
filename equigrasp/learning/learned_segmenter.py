"""A segmenter that was taught on labelled scenes: a D4-equivariant U-Net, then a watershed."""

from dataclasses import dataclass

import numpy as np
import torch

from equigrasp.networks.equivariant_unet import EquivariantUNet
from equigrasp.perception.deep_watershed import labels_of
from equigrasp.perception.observation import Observation


@dataclass(frozen=True)
class SegmenterConfig:
    """The network of a segmenter.

    Args:
        fields: Regular fields of D4, fine to coarse.
        is_stem_pooled: See `EquivariantUNet`.
        input_scale: Heights are multiplied by it [1/m].
    """

    fields: tuple[int, ...] = (2, 4, 8, 16, 16)
    is_stem_pooled: bool = False
    input_scale: float = 10.0


def make_segmentation_net(config: SegmenterConfig, seed: int) -> EquivariantUNet:
    """Return the network: from heights (B, 1, S, S) [m] to logits of the depth inside, (B, 1, S, S)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EquivariantUNet(config.fields, config.is_stem_pooled, config.input_scale, 1)


class LearnedSegmenter:
    """See `Segmenter`.

    Args:
        network: Of `make_segmentation_net`; kept in evaluation mode.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        network.train()
        network.eval()

    def segment(self, observation: Observation) -> np.ndarray:
        """See `Segmenter.segment`."""
        return labels_of(self.depth(observation.heightmap))

    def depth(self, heightmap: np.ndarray) -> np.ndarray:
        """Return how far inside an object each cell of a heightmap (S, S) seems to be; see `depth_inside`."""
        heights = torch.from_numpy(heightmap[None, None].astype(np.float32))
        with torch.inference_mode():
            return np.asarray(torch.sigmoid(self._network(heights))[0, 0].numpy())
