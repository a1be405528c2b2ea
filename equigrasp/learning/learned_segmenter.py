"""A segmenter that was taught on labelled scenes: a D4-equivariant U-Net, then a watershed."""

import numpy as np
import torch

from equigrasp.networks.equivariant_unet import EquivariantUNet
from equigrasp.perception.deep_watershed import labels_of
from equigrasp.perception.observation import Observation


def make_segmentation_net(
    fields: tuple[int, ...], is_stem_pooled: bool, input_scale: float
) -> EquivariantUNet:
    """Return a network from heights (B, 1, S, S) [m] to logits of the depth inside, (B, 1, S, S).

    Args as those of `EquivariantUNet`.
    """
    return EquivariantUNet(fields, is_stem_pooled, input_scale, num_logits=1)


class LearnedSegmenter:
    """See `Segmenter`.

    Args:
        network: Of `make_segmentation_net`, in evaluation mode.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network

    def segment(self, observation: Observation) -> np.ndarray:
        """See `Segmenter.segment`."""
        return labels_of(self.depth(observation.heightmap))

    def depth(self, heightmap: np.ndarray) -> np.ndarray:
        """Return how far inside an object each cell of a heightmap (S, S) seems to be; see `depth_inside`."""
        heights = torch.from_numpy(heightmap[None, None].astype(np.float32))
        with torch.inference_mode():
            return np.asarray(torch.sigmoid(self._network(heights))[0, 0].numpy())
