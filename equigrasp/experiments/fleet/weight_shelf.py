"""Published weights, where every part of a fleet can have them: safetensors and their SHA-256."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from equigrasp.errors import WeightsError
from equigrasp.experiments.fleet.message import FleetError
from equigrasp.experiments.fleet.runtime import Peers
from equigrasp.learning.weight_store import load_weights

SHELF = "weights"  # the role's name


class WeightShelf:
    """The newest versions, as bytes. The learner has them on its disk and brings them again.

    Args:
        num_kept: Versions to keep.
    """

    offers = frozenset({"put", "versions", "get"})

    def __init__(self, num_kept: int) -> None:
        self._num_kept = num_kept
        self._files = dict[int, tuple[bytes, str]]()
        self._num_given = 0

    def put(self, version: int, data: bytes, sha256: str) -> None:
        """Take in a version.

        Raises:
            WeightsError: if the checksum is not that of the bytes.
        """
        if hashlib.sha256(data).hexdigest() != sha256:
            raise WeightsError(
                f"Version {version}: the checksum is not the announced {sha256[:12]}…"
            )
        self._files[version] = (data, sha256)
        for old in sorted(self._files)[: -self._num_kept]:
            del self._files[old]

    def versions(self) -> list[Any]:
        """Return the versions that are there, oldest first, as one list."""
        return [sorted(self._files)]

    def get(self, version: int) -> list[Any]:
        """Return bytes and checksum of a version; raise `WeightsError` if it is gone."""
        if version not in self._files:
            raise WeightsError(f"Version {version} is not there; {sorted(self._files)} are.")
        self._num_given += 1
        return list(self._files[version])

    def turn(self) -> bool:
        """Do nothing: it only answers."""
        return False

    def report(self) -> dict[str, float]:
        """Return the newest version, and how often one was fetched."""
        return {"newest": max(self._files, default=-1), "given": self._num_given}

    def close(self) -> None:
        """Do nothing."""


class ShelfWeights:
    """A `WeightSource` that fetches from the shelf, each version once.

    Args:
        peers: Where the shelf is.
        num_kept: Versions to remember.
    """

    def __init__(self, peers: Peers, num_kept: int = 2) -> None:
        self._peers, self._num_kept = peers, num_kept
        self._read = dict[int, dict[str, torch.Tensor]]()

    def versions(self) -> list[int]:
        """See `WeightSource.versions`."""
        (found,) = self._peers.call(SHELF, "versions")
        return [int(version) for version in found]

    def read(self, version: int) -> dict[str, torch.Tensor]:
        """See `WeightSource.read`."""
        if version not in self._read:
            try:
                data, sha256 = self._peers.call(SHELF, "get", version)
            except FleetError as error:
                if type(error) is FleetError:
                    raise WeightsError(str(error)) from error
                raise
            self._read[version] = weights_of(data, sha256, version)
            for old in list(self._read)[: -self._num_kept]:
                del self._read[old]
        return self._read[version]


def weights_of(data: bytes, sha256: str, version: int) -> dict[str, torch.Tensor]:
    """Return the tensors of a file's bytes.

    Raises:
        WeightsError: if they are altered, no weights, or of another version.
    """
    with tempfile.TemporaryDirectory(prefix="equigrasp_weights_") as folder:
        path = Path(folder) / f"version_{version}.safetensors"
        path.write_bytes(data)
        tensors, metadata = load_weights(path, sha256)
    if metadata.get("version") != str(version):
        raise WeightsError(
            f"Weights announced as version {version} say that they are {metadata.get('version')}."
        )
    return tensors


def make_shelf(name: str, settings: Mapping[str, Any], peers: Peers) -> WeightShelf:
    """Return the shelf; see `plan.make_cast` for its settings."""
    return WeightShelf(settings["num_kept"])
