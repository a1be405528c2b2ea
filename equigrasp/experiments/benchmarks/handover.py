"""Weights on their way from the process that learns to the one that acts: one file, replaced whole."""

from pathlib import Path

import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.weight_store import load_weights, write_weights

_ATTEMPTS = "attempts"  # in the metadata: how many were learned from


class Handover:
    """The file may be copied from machine to machine: a copy that is not whole yet is not taken.

    Args:
        path: The file.
        method: Whose weights it holds.
    """

    def __init__(self, path: Path, method: str) -> None:
        self.path, self._method = path, method

    def give(self, tensors: dict[str, torch.Tensor], version: int, attempts: int) -> None:
        """Write the weights that were learned from so many attempts."""
        counts = {"version": str(version), _ATTEMPTS: str(attempts)}
        write_weights(self.path, tensors, {"method": self._method} | counts)

    def take(self, attempts: int) -> tuple[dict[str, torch.Tensor], int] | None:
        """Return the weights learned from exactly so many attempts and their version, if they are there.

        Raises:
            WeightsError: if the file holds another method's, or if more was learned from than there
                is: then the two sides have different logs.
        """
        try:
            tensors, metadata = load_weights(self.path)
        except WeightsError:  # missing, or on its way
            return None
        if metadata.get("method") != self._method:
            raise WeightsError(
                f"{self.path} belongs to method '{metadata.get('method')}', not '{self._method}'."
            )
        learned = int(metadata[_ATTEMPTS])
        if learned > attempts:
            raise WeightsError(
                f"{self.path} was learned from {learned} attempts, the log beside it holds {attempts}. "
                "Bring both back from the same moment."
            )
        return (tensors, int(metadata["version"])) if learned == attempts else None
