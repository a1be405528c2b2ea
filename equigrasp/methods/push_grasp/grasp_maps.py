"""What GraspNet says of a scene, worked out once for all of its targets."""

import numpy as np
import torch


class GraspMaps:
    """Asks GraspNet; the newest answer is kept until heightmap or weights are others.

    Args:
        network: GraspNet, in evaluation mode.
        input_scale: Heights are multiplied by it [1/m].
    """

    def __init__(self, network: torch.nn.Module, input_scale: float) -> None:
        self._network, self._input_scale = network, input_scale
        self._heightmap = np.zeros((0, 0), np.float32)  # of the newest answer
        self._versions: list[int] = []  # of the tensors that gave it; each change raises them
        self._values = np.zeros((0, 0, 0), np.float32)

    def of(self, heightmap: np.ndarray) -> np.ndarray:
        """Return P(success) of all yaws at all pixels, shape (n, S, S), to be read only.

        Args:
            heightmap: Shape (S, S) [m].
        """
        tensors = (*self._network.parameters(), *self._network.buffers())
        versions = [tensor._version for tensor in tensors]
        if versions != self._versions or not np.array_equal(heightmap, self._heightmap):
            scaled = (heightmap[None, None] * self._input_scale).astype(np.float32)
            with torch.inference_mode():
                logits = self._network(torch.from_numpy(scaled))
                values = np.asarray(torch.sigmoid(logits)[0].numpy())
            values.flags.writeable = False
            self._heightmap, self._versions, self._values = heightmap.copy(), versions, values
        return self._values
