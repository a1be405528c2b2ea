"""Convex decomposition by V-HACD, in a process of its own: on some meshes it never ends."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from equigrasp.errors import ConfigError

LEAST_THICKNESS = 5e-4  # [m]
_TIMEOUT = 120.0  # [s]; a mesh of 100 000 triangles takes some seconds
_MOST_MEMORY = 4 * 2**30  # bytes of address space
_RESOLUTION = 50_000  # voxels


def check_extents(path: Path, extents: np.ndarray) -> None:
    """Refuse what has no volume.

    Args:
        path: Of the mesh, for the message.
        extents: Sides of its box as it will be used, shape (3,) [m].

    Raises:
        ConfigError: if it is flat, a line or a point, or not finite.
    """
    if not np.isfinite(extents).all() or min(extents) < LEAST_THICKNESS:
        sides = " x ".join(f"{1e3 * side:.3g}" for side in extents)
        raise ConfigError(
            f"Mesh '{path}' is {sides} mm, too thin to be grasped: every side must be at least "
            f"{1e3 * LEAST_THICKNESS} mm."
        )


def decompose(path: Path, mesh: Path, result: Path, timeout: float = _TIMEOUT) -> None:
    """Write a mesh as convex parts; nothing is left of one that takes too long.

    Args:
        path: What the user calls the mesh, for the message.
        mesh: The mesh, an OBJ file.
        result: The parts, an OBJ file; not there after an error.
        timeout: Longest time that it may take [s].

    Raises:
        ConfigError: if V-HACD does not end in time, fails, or writes nothing.
    """
    partial = result.with_suffix(".part.obj")
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(mesh), str(partial)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"Mesh '{path}' could not be divided into convex parts within {timeout:.0f} s. Is it flat, "
            "or not closed? Repair or simplify it."
        ) from error
    if done.returncode or not partial.is_file() or not partial.stat().st_size:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"Mesh '{path}' could not be divided into convex parts: V-HACD ended with code "
            f"{done.returncode}. Repair or simplify it."
        )
    partial.replace(result)


def _main(mesh: str, result: str) -> None:
    import pybullet

    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    client = pybullet.connect(pybullet.DIRECT)
    pybullet.vhacd(
        mesh, result, str(Path(result).with_suffix(".log")), resolution=_RESOLUTION,
        physicsClientId=client,
    )  # fmt: skip
    Path(result).with_suffix(".log").unlink(missing_ok=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
