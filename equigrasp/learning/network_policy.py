"""What policies that act by networks share: they own them, and take over weights between two choices."""

import threading

import torch

from equigrasp.learning.weight_store import fill_parameters


class NetworkPolicy:
    """The networks stay in evaluation mode, so equivariant filters are expanded once for each version.

    Whoever asks a network holds `_lock`.

    Args:
        modules: The networks, all on one device; the policy owns them.
    """

    def __init__(self, modules: dict[str, torch.nn.Module]) -> None:
        self._modules = modules
        devices = (p.device for m in modules.values() for p in m.parameters())
        self._device = next(devices, torch.device("cpu"))
        self._lock = threading.Lock()
        self.version = 0
        self._refresh()

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over weights between two choices; see `Policy.load`."""
        with self._lock:
            fill_parameters(self._modules, tensors, source)
            self.version = version
            self._refresh()

    def _refresh(self) -> None:
        for module in self._modules.values():
            module.train()  # drops the filters of the old weights
            module.eval()  # expands those of the new ones
