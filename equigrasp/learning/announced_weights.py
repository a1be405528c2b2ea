"""Weights that somebody announces: taken only if the run's own learner can have written them."""

import os
import re
import stat
from pathlib import Path

import torch

from equigrasp.errors import WeightsError, shortened
from equigrasp.learning.weight_store import load_weights

_SPARE = 2**20  # bytes for the header
_NAME = re.compile(r"policy_(\d{8,19})\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def num_parameter_bytes(modules: dict[str, torch.nn.Module]) -> int:
    """Return how many bytes the parameters of modules take."""
    parameters = (p for module in modules.values() for p in module.parameters())
    return sum(p.numel() * p.element_size() for p in parameters)


def load_announced(
    folder: Path, file: str, sha256: str, version: int, newest: int, num_bytes: int
) -> dict[str, torch.Tensor]:
    """Return the tensors of a file in a run's `weights/`.

    Args:
        folder: The run's `weights/`.
        file: Announced path.
        sha256: Announced checksum of the file, in hexadecimal.
        version: Announced version.
        newest: The version that acts so far.
        num_bytes: Size of the parameters.

    Raises:
        WeightsError: if the file is elsewhere, no regular file, too large, not newer, or not what was
            announced; nothing of it was read then, but for the last case.
    """
    path, shown = Path(file), shortened(file, 200)
    named = _NAME.fullmatch(path.name)
    if named is None or Path(os.path.normpath(path.parent)).resolve() != folder.resolve():
        raise WeightsError(f"'{shown}' is no weight file of this run, which lie in '{folder}'.")
    if int(named[1]) != version or version <= newest:
        raise WeightsError(
            f"'{shown}' was announced as version {version}; it must be newer than {newest} and have its "
            "version in its name."
        )
    if not _SHA256.fullmatch(sha256):
        raise WeightsError(
            f"'{shown}' was announced with checksum '{shortened(sha256, 80)}', which is none."
        )
    try:
        found = path.lstat()
    except (OSError, ValueError) as error:
        raise WeightsError(f"'{shown}' cannot be read: {error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise WeightsError(
            f"'{shown}' is a link, a folder or a device; weights are regular files."
        )
    if found.st_size > num_bytes + _SPARE:
        raise WeightsError(
            f"'{shown}' has {found.st_size} bytes; the networks have {num_bytes}, and the file at most "
            f"{_SPARE} more."
        )
    tensors, metadata = load_weights(path, sha256)
    if metadata.get("version") != str(version):
        raise WeightsError(
            f"'{shown}' says that it is version {metadata.get('version')}, not {version}."
        )
    return tensors
