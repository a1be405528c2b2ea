"""The meshes of a folder: which can be used, in what size, and why the others cannot."""

import io
import logging
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from equigrasp.errors import ConfigError

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}  # [m]
SUFFIXES = (".obj", ".ply", ".stl")  # of two files with one name, the first of these is taken
_HELD_EXTENT = 0.12  # [m] longest side after scaling
_SECOND_EXTENT = 0.06  # [m] largest second side after scaling
_SMALLEST_EXTENT = 0.005  # [m] longest side
_LARGEST_EXTENT = 100.0  # [m] longest side
_THINNEST = 0.001  # [m] after scaling: V-HACD does not come to an end with less
_MAX_FILES = 5000
_MAX_DEPTH = 6  # of folders in folders
_MAX_BYTES = 100_000_000  # of a file
_MAX_FACES = 1_000_000
_SHOWN = 20  # lines of each kind in the log

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MeshFile:
    """A mesh that can be used.

    Args:
        path: Its file.
        unit: Of its numbers, a key of `UNITS`.
        extents: Its sides as its maker meant them, sorted [m].
        shrinkage: What they are multiplied by so that the gripper can hold it, at most 1.
    """

    path: Path
    unit: str
    extents: tuple[float, float, float]
    shrinkage: float

    @property
    def scale(self) -> float:
        """Metres in the simulation for each unit of the file."""
        return UNITS[self.unit] * self.shrinkage


@dataclass(frozen=True)
class MeshFolder:
    """What a folder holds: usable meshes by name, and why what else looks like one is left out."""

    meshes: dict[str, MeshFile]
    left_out: dict[str, str]


def read_mesh_folder(folder: Path, unit: str = "") -> MeshFolder:
    """Read every mesh of a folder and its sub-folders, and log what became of them.

    A mesh is named by its path below the folder, without suffix.

    Args:
        folder: Where they lie.
        unit: Of all of them, a key of `UNITS`; empty: guessed for each from its size.

    Raises:
        ConfigError: if none can be used; says why.
    """
    paths, left_out = _candidates(folder)
    sizes: dict[str, np.ndarray] = {}
    for name, path in list(paths.items()):
        try:
            sizes[name] = np.sort(np.ptp(read_mesh(path).vertices, axis=0))
        except ConfigError as error:
            left_out[str(path.relative_to(folder))] = str(error)
    guessed = _guess_units(sizes)
    meshes = {}
    for name, size in sizes.items():
        try:
            meshes[name] = _fitted(paths[name], size, unit or guessed[name])
        except ConfigError as error:
            left_out[str(paths[name].relative_to(folder))] = str(error)
    found = MeshFolder(meshes, left_out)
    _tell(folder, found, is_guessed=not unit)
    if not meshes:
        why = "; ".join(f"'{name[:100]}': {reason}" for name, reason in list(left_out.items())[:3])
        raise ConfigError(
            f"Folder '{folder}' holds no mesh that can be used ({', '.join(SUFFIXES)})"
            f"{'. Left out: ' + why if why else ''}."
        )
    return found


def read_mesh(path: Path) -> Any:
    """Return a mesh as trimesh reads it.

    Raises:
        ConfigError: if it cannot be read, is empty, or not finite.
    """
    import trimesh

    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"larger than {_MAX_BYTES // 10**6} MB")
    try:
        kind = path.suffix.lower().lstrip(".")
        mesh: Any = trimesh.load(io.BytesIO(content), file_type=kind, force="mesh", process=False)
        mesh.vertices = np.asarray(mesh.vertices, dtype=float)
        if mesh.vertices.size and mesh.vertices.shape[1:] != (3,):
            raise ConfigError(f"its vertices have {mesh.vertices.shape[-1]} coordinates, not 3")
        if not np.isfinite(mesh.vertices).all():  # processing would drop them in silence
            raise ConfigError("holds vertices that are not numbers")
        num_faces = len(mesh.faces)
        if num_faces and not 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices):
            raise ConfigError(f"its faces name vertices beyond its {len(mesh.vertices)}")
        if num_faces <= _MAX_FACES:
            mesh.process()
    except ConfigError:
        raise
    except Exception as error:  # trimesh raises whatever its format readers raise
        raise ConfigError(f"cannot be read: {type(error).__name__} {error}"[:200]) from error
    if num_faces > _MAX_FACES:
        raise ConfigError(f"has {num_faces} faces; at most {_MAX_FACES} are taken")
    if len(mesh.faces) == 0 or len(mesh.vertices) == 0:
        raise ConfigError("holds no faces")
    return mesh


def _candidates(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the files by name, in order, and what is left out before a look inside."""
    files: dict[str, list[Path]] = {}
    left_out: dict[str, str] = {}
    for path in _walk(folder):
        shown = str(path.relative_to(folder))
        if reason := _flaw(path, shown):
            left_out[shown.encode(errors="replace").decode()] = reason
        else:
            files.setdefault(str(Path(shown).with_suffix("")), []).append(path)
    chosen = {}
    for name, paths in sorted(files.items()):
        first, *others = sorted(paths, key=lambda p: (SUFFIXES.index(p.suffix.lower()), p.name))
        chosen[name] = first
        for other in others:
            shown = str(other.relative_to(folder))
            left_out[shown] = f"'{first.name}' has the same name and is taken"
    return chosen, left_out


def _walk(folder: Path) -> Iterator[Path]:
    """Yield what is named like a mesh, folders too; hidden folders are not entered."""
    count = 0
    for place, folders, names in os.walk(folder):
        here = Path(place)
        depth = len(here.relative_to(folder).parts)
        found = [here / name for name in sorted((*folders, *names))]
        entered = [n for n in sorted(folders) if not n.startswith((".", "__MACOSX"))]
        folders[:] = entered if depth < _MAX_DEPTH else []
        for path in found:
            if path.suffix.lower() in SUFFIXES:
                count += 1
                if count > _MAX_FILES:
                    raise ConfigError(f"Folder '{folder}' holds more than {_MAX_FILES} meshes.")
                yield path


def _flaw(path: Path, shown: str) -> str:
    """Return why something named like a mesh is none; empty: nothing speaks against it."""
    if path.name.startswith("."):
        return "hidden"
    try:
        shown.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if path.is_dir():
        return "a folder"
    if path.is_symlink() and not path.exists():
        return "a link that leads nowhere"
    return "" if path.is_file() else "no regular file"


def _guess_units(sizes: dict[str, np.ndarray]) -> dict[str, str]:
    """Return a unit for each mesh from its longest side.

    What a gripper holds is a few centimetres long: up to 1 is metres, from 5 on is millimetres. Between
    these may be millimetres or centimetres: as most of the folder's others, else centimetres.
    """

    def guess(longest: float) -> str:
        return "m" if longest <= 1.0 else "mm" if longest >= 5.0 else ""

    guesses = {name: guess(float(size[2])) for name, size in sizes.items()}
    known = [unit for unit in guesses.values() if unit]
    between = "mm" if known and statistics.mode(known) == "mm" else "cm"
    return {name: unit or between for name, unit in guesses.items()}


def _fitted(path: Path, size: np.ndarray, unit: str) -> MeshFile:
    extents = size * UNITS[unit]
    if not extents[2] >= _SMALLEST_EXTENT:
        raise ConfigError(f"too small: {1000.0 * extents[2]:.2g} mm long, taken as {unit}")
    if not extents[2] <= _LARGEST_EXTENT:
        raise ConfigError(f"too large: {extents[2]:.2g} m long, taken as {unit}")
    shrinkage = min(1.0, _HELD_EXTENT / extents[2], _SECOND_EXTENT / max(extents[1], 1e-9))
    if not extents[0] * shrinkage >= _THINNEST:
        thickness = f"{1000.0 * extents[0] * shrinkage:.2g} mm"
        raise ConfigError(f"flat: {thickness} thick in the gripper's size, taken as {unit}")
    sides = (float(extents[0]), float(extents[1]), float(extents[2]))
    return MeshFile(path, unit, sides, float(shrinkage))


def _tell(folder: Path, found: MeshFolder, *, is_guessed: bool) -> None:
    units = sorted({mesh.unit for mesh in found.meshes.values()})
    how = "guessed from their sizes; --units says otherwise" if is_guessed else "as told"
    _log.warning(
        "Meshes of '%s': %d used, in %s (%s), %d left out.",
        folder, len(found.meshes), " and ".join(units) or "no unit", how, len(found.left_out),
    )  # fmt: skip
    shrunk = [
        f"'{name}' is {' x '.join(f'{1000.0 * e:.3g}' for e in mesh.extents)} mm ({mesh.unit}), "
        f"made {mesh.shrinkage:.3g} times as large for the gripper"
        for name, mesh in found.meshes.items()
        if mesh.shrinkage < 1.0
    ]
    left_out = [f"'{name}' is left out: {reason}" for name, reason in found.left_out.items()]
    for lines in (shrunk, left_out):
        for line in lines[:_SHOWN]:
            _log.warning("%s", line[:500])
        if len(lines) > _SHOWN:
            _log.warning("… and %d more.", len(lines) - _SHOWN)
