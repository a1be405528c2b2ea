"""Versioned weights on disk: whole or not at all, never unpickled."""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from equigrasp.errors import WeightsError

_LOGGER = logging.getLogger(__name__)
_CHECKSUM = "sha256"  # key in a file's metadata


@dataclass(frozen=True)
class WeightFile:
    """A complete weight file."""

    version: int
    path: Path
    sha256: str


class WeightStore:
    """Keeps the newest `num_kept` versions in a folder as `<prefix>_<version>.safetensors`."""

    def __init__(self, folder: Path, prefix: str = "policy", num_kept: int = 8) -> None:
        self.folder = folder
        self._prefix = prefix
        self._num_kept = num_kept
        folder.mkdir(parents=True, exist_ok=True)

    def save(
        self, version: int, tensors: dict[str, torch.Tensor], metadata: dict[str, str]
    ) -> WeightFile:
        """Write a version: new file, flushed to disk, then renamed into place.

        Raises:
            WeightsError: if the disk takes no more; earlier versions are untouched.
        """
        path = self._path(version)
        sha256 = write_weights(path, tensors, metadata | {"version": str(version)})
        for old in self.versions()[: -self._num_kept]:
            self._path(old).unlink(missing_ok=True)
        return WeightFile(version, path, sha256)

    def versions(self) -> list[int]:
        """Return the stored versions, oldest first."""
        names = self.folder.glob(f"{self._prefix}_*.safetensors")
        return sorted(int(p.stem.rpartition("_")[2]) for p in names)

    def read_file(self, version: int) -> tuple[bytes, str]:
        """Return the bytes of a stored version and their SHA-256, to be sent elsewhere."""
        data = self._path(version).read_bytes()
        return data, hashlib.sha256(data).hexdigest()

    def _path(self, version: int) -> Path:
        return self.folder / f"{self._prefix}_{version:08d}.safetensors"

    def newest(self) -> tuple[dict[str, torch.Tensor], dict[str, str]] | None:
        """Return tensors and metadata of the newest sound version, or None."""
        for version in reversed(self.versions()):
            try:
                return load_weights(self._path(version))
            except WeightsError:
                continue
        return None


def write_weights(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> str:
    """Write a safetensors file, whole and flushed to disk or not at all; return its SHA-256.

    The file carries a checksum of its tensors and metadata, which `load_weights` checks.

    Raises:
        WeightsError: if the disk takes no more; a file of that name is untouched.
    """
    metadata = metadata | {_CHECKSUM: _checksum(tensors, metadata)}
    data = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WeightsError(f"Cannot write {path}: {error.strerror}.") from error
    return hashlib.sha256(data).hexdigest()


def load_weights(
    path: Path, sha256: str | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read a safetensors file, and check it against the checksum that it carries.

    Args:
        path: The file.
        sha256: What the checksum of the whole file must be, in hexadecimal; None: not checked.

    Returns:
        Tensors, and metadata without the checksum.

    Raises:
        WeightsError: if it is missing, truncated, altered, or not safetensors.
    """
    try:
        if sha256 is not None and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise WeightsError(f"{path}: the checksum is not the announced {sha256[:12]}…")
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: not a readable weight file: {error}") from error
    written = metadata.pop(_CHECKSUM, None)
    found = _checksum(tensors, metadata)
    if written is None:
        _LOGGER.warning("%s carries no checksum: nothing tells whether it was altered.", path)
    elif written != found:
        raise WeightsError(
            f"{path}: altered: its contents have the checksum {found[:12]}…, "
            f"it was written with {written[:12]}…. Fetch it again."
        )
    return tensors, metadata


def tensor_digest(tensors: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values, whatever file they lie in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _checksum(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> str:
    text = tensor_digest(tensors) + json.dumps(metadata, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fill_parameters(
    modules: dict[str, torch.nn.Module], tensors: dict[str, torch.Tensor], source: str
) -> None:
    """Copy tensors named `<module>.<parameter>` into modules in place, all or nothing.

    Raises:
        WeightsError: if a tensor is missing, left over, of another shape or type, or not finite.
    """
    targets = {
        f"{name}.{key}": parameter
        for name, module in modules.items()
        for key, parameter in module.named_parameters()
    }
    missing = sorted(set(targets) - set(tensors))
    extra = sorted(set(tensors) - set(targets))
    if missing or extra:
        raise WeightsError(
            f"{source}: does not fit the network: "
            f"{len(missing)} tensors missing, {len(extra)} left over "
            f"(first: '{(missing + extra)[0]}'). Were they trained with another configuration?"
        )
    for key, parameter in targets.items():
        if tensors[key].shape != parameter.shape:
            raise WeightsError(
                f"{source}: tensor '{key}' has shape {tuple(tensors[key].shape)}, "
                f"the network needs {tuple(parameter.shape)}."
            )
        if tensors[key].dtype != parameter.dtype:
            raise WeightsError(
                f"{source}: tensor '{key}' is of type {tensors[key].dtype}, "
                f"the network needs {parameter.dtype}."
            )
        if not bool(torch.isfinite(tensors[key]).all()):
            raise WeightsError(f"{source}: tensor '{key}' holds values that are not finite.")
    with torch.no_grad():
        for key, parameter in targets.items():
            parameter.copy_(tensors[key])


def read_parameters(modules: dict[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """Return copies of all parameters, named `<module>.<parameter>`."""
    return {
        f"{name}.{key}": parameter.detach().clone()
        for name, module in modules.items()
        for key, parameter in module.named_parameters()
    }


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
