"""Files that are nearly sound: configurations, limits, meshes, weights, logs of experience."""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import trimesh

from equigrasp.config import find_config, load_config
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.safety import SafetyLimits
from equigrasp.errors import EquigraspError
from equigrasp.learning.grasping.grasp_step import grasp_step
from equigrasp.learning.weight_store import load_weights, write_weights
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.simulation.object_sets.mesh_files import read_mesh_folder

_PAUSE = 0.02  # [s] between files: the other core has its work, too
_NUM_SHOWN = 3  # problems
_Read = Callable[[Path], object]


class FileFuzz:
    """Tries files in a process of its own.

    Args:
        folder: For the files.
        seed: Of what is altered.

    Attributes:
        is_well: Whether all were read, or met by an error of ours; known after `stop`.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._command = [sys.executable, "-W", "ignore", __file__, str(folder), str(seed)]
        self._process: subprocess.Popen[str] | None = None
        self.is_well = False

    def start(self) -> None:
        """Begin."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def stop(self) -> str:
        """End, and return what was found."""
        assert self._process is not None
        out, _ = self._process.communicate(timeout=120.0)  # which closes its standard input
        answer = json.loads(out.splitlines()[-1])
        self.is_well = answer["count"] > 0 and not answer["problems"]
        shown = "; ".join(answer["problems"][:_NUM_SHOWN]) or "none"
        return f"{answer['count']} ({answer['num_refused']} refused); {shown}"

    def close(self) -> None:
        """End by force what still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _samples(folder: Path) -> list[tuple[bytes, str, _Read]]:
    """Return sound files: content, name, and how they are read."""
    (package, method), tray = load_method("asr:tiny"), load_cell("ur5").workspaces[0]
    log = ExperienceLog(folder / "sound.log", package.make_spec(method, tray))
    size = tray.heightmap_size_px
    for number in range(3):
        heightmap = np.full((size, size), number, np.uint16)
        log.append(grasp_step(heightmap, size // 2, size // 2, 1, 1.0, number), {})
    log.close()
    weights = folder / "sound.safetensors"
    write_weights(weights, {"net.weight": torch.ones(20, 3)}, {"version": "1", "method": "asr"})
    mesh = trimesh.creation.box((0.04, 0.05, 0.06))
    cell, limits = find_config("cells", "ur5"), find_config("safety", "ur5")
    return [
        (cell.read_bytes(), "a.yaml", lambda p: load_config(CellConfig, "cells", str(p))),
        (limits.read_bytes(), "a.yaml", lambda p: load_config(SafetyLimits, "safety", str(p))),
        ((folder / "sound.log").read_bytes(), "a.log", _read_log),
        (weights.read_bytes(), "a.safetensors", lambda p: load_weights(p)),
        (
            str(mesh.export(file_type="obj")).encode(),
            "a.obj",
            lambda p: read_mesh_folder(p.parent),
        ),
        (mesh.export(file_type="stl"), "a.stl", lambda p: read_mesh_folder(p.parent)),
        (mesh.export(file_type="ply"), "a.ply", lambda p: read_mesh_folder(p.parent)),
    ]


def _read_log(path: Path) -> None:
    log = ExperienceLog(path)
    try:
        list(log)
    finally:
        log.close()


def altered(data: bytes, rng: random.Random) -> bytes:
    """Return a file with some bytes changed, cut, doubled, or put in."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(changed) + 1)
        kind = rng.randrange(5)
        if kind == 0 and changed:
            changed[place % len(changed)] = rng.randrange(256)
        elif kind == 1:
            del changed[place : place + rng.randrange(1, 60)]
        elif kind == 2:
            changed[place:place] = changed[place : place + rng.randrange(1, 200)]
        elif kind == 3:
            words = (
                b".nan",
                b"1e999",
                b"-",
                b"[" * 300,
                b"\xff",
                b"&a",
                b"*a",
                b"\x00" * 8,
                b"9" * 40,
            )
            changed[place:place] = rng.choice(words)
        else:
            del changed[place:]
    return bytes(changed)


def main() -> None:
    """Try files until standard input ends; print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the files")
    parser.add_argument("seed", type=int, help="of what is altered")
    options = parser.parse_args()
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    options.folder.mkdir(parents=True, exist_ok=True)
    rng, samples = random.Random(options.seed), _samples(options.folder)
    count, num_refused, problems = 0, 0, []
    while not is_over.wait(_PAUSE):
        data, name, read = rng.choice(samples)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / name
            path.write_bytes(altered(data, rng))
            count += 1
            try:
                read(path)
            except EquigraspError:
                num_refused += 1
            except Exception as error:  # which no file should raise
                kept = options.folder / f"problem_{len(problems)}_{name}"
                kept.write_bytes(path.read_bytes())
                problems.append(f"{name}: {type(error).__name__}: {error}"[:200])
    found = {"count": count, "num_refused": num_refused, "problems": problems}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
