"""The object sets by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from equigrasp.errors import ConfigError

if TYPE_CHECKING:  # importing it takes PyBullet, which asking for a name does without
    from equigrasp.simulation.object_sets.object_set import ObjectSet

_NAMES = ("household", "random_urdfs")


def make_object_set(name: str) -> "ObjectSet":
    """Return `household`, `random_urdfs`, the set of meshes in a folder, or several, joined by +.

    Raises:
        ConfigError: if the name is neither a known set nor a folder with meshes.
    """
    check_object_set(name)
    from equigrasp.simulation.object_sets.household import HouseholdSet
    from equigrasp.simulation.object_sets.mesh_folder import MeshFolderSet
    from equigrasp.simulation.object_sets.mixed import MixedSet
    from equigrasp.simulation.object_sets.random_urdfs import RandomUrdfSet

    if name == "household":
        return HouseholdSet()
    if name == "random_urdfs":
        return RandomUrdfSet()
    if Path(name).is_dir():
        return MeshFolderSet(Path(name))
    return MixedSet([make_object_set(part) for part in name.split("+")])


def check_object_set(name: str) -> None:
    """Tell whether there is such a set, without making it.

    Raises:
        ConfigError: if the name is neither a known set nor a folder.
    """
    if name in _NAMES or Path(name).is_dir():
        return
    if "+" not in name:
        raise ConfigError(
            f"Unknown object set '{name}'. Known: {', '.join(_NAMES)}, a folder of meshes, or "
            "several of these, joined by +."
        )
    for part in name.split("+"):
        check_object_set(part)
