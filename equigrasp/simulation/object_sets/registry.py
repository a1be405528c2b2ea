"""The object sets by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from equigrasp.errors import ConfigError, shortened
from equigrasp.simulation.object_sets.mesh_files import UNITS, read_mesh_folder

if TYPE_CHECKING:  # importing it takes PyBullet, which asking for a name does without
    from equigrasp.simulation.object_sets.object_set import ObjectSet

_NAMES = ("household", "random_urdfs", "blocks")


def make_object_set(name: str) -> "ObjectSet":
    """Return `household`, `random_urdfs`, `blocks`, the set of meshes in a folder, or several, joined by +.

    A folder may be followed by the unit of its meshes, as `my_meshes:mm`; see `with_unit`.

    Raises:
        ConfigError: if the name is neither a known set nor a folder with meshes.
    """
    from equigrasp.simulation.object_sets.blocks import BlockSet
    from equigrasp.simulation.object_sets.household import HouseholdSet
    from equigrasp.simulation.object_sets.mesh_folder import MeshFolderSet
    from equigrasp.simulation.object_sets.mixed import MixedSet
    from equigrasp.simulation.object_sets.random_urdfs import RandomUrdfSet

    if name == "household":
        return HouseholdSet()
    if name == "blocks":
        return BlockSet()
    if name == "random_urdfs":
        return RandomUrdfSet()
    if folder := _mesh_folder(name):
        return MeshFolderSet(*folder)
    return MixedSet([make_object_set(part) for part in _parts(name)])


def check_object_set(name: str) -> None:
    """See whether there is such a set, without a simulator; the meshes of a folder are read.

    Raises:
        ConfigError: if the name is neither a known set nor a folder with meshes.
    """
    if name in _NAMES:
        return
    if folder := _mesh_folder(name):
        read_mesh_folder(*folder)
        return
    for part in _parts(name):
        check_object_set(part)


def with_unit(name: str, unit: str) -> str:
    """Return the name of an object set whose folders of meshes are in a unit; empty: unchanged.

    Raises:
        ConfigError: if the unit is unknown, or the set has no folder without a unit.
    """
    if not unit:
        return name
    if unit not in UNITS:
        raise ConfigError(f"Unknown unit '{unit}'. Known: {', '.join(UNITS)}.")
    parts = [name] if _mesh_folder(name) else name.split("+")
    named = [f"{part}:{unit}" if part and Path(part).is_dir() else part for part in parts]
    if named == parts:
        raise ConfigError(f"Units are of a folder of meshes; '{name}' names none without.")
    return "+".join(named)


def _mesh_folder(name: str) -> tuple[Path, str] | None:
    """Return folder and unit of a set of meshes; None: it is none."""
    if name in _NAMES:
        return None
    folder, _, unit = name.rpartition(":")
    try:
        if Path(name).is_dir():
            return Path(name), ""
        return (Path(folder), unit) if unit in UNITS and Path(folder).is_dir() else None
    except OSError:  # a name that is too long
        return None


def _parts(name: str) -> list[str]:
    if "+" not in name:
        raise ConfigError(
            f"Unknown object set '{shortened(name, 200)}'. Known: {', '.join(_NAMES)}, a folder of meshes, or "
            "several of these, joined by +."
        )
    return name.split("+")
