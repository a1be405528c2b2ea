"""A user's own folder of meshes, scaled and decomposed into convex parts on import."""

import hashlib
import logging
from pathlib import Path

import numpy as np

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.private_folder import cache_folder
from equigrasp.simulation.object_sets.convex_parts import decompose
from equigrasp.simulation.object_sets.mesh_files import MeshFile, read_mesh, read_mesh_folder
from equigrasp.simulation.object_sets.object_set import (
    MASS,
    ObjectSet,
    apply_contact_properties,
)
from equigrasp.simulation.physics import Physics

_TEST_EVERY = 5  # every fifth mesh, by name, is for testing

_log = logging.getLogger(__name__)


class MeshFolderSet(ObjectSet):
    """All meshes of a folder; every fifth one (by name) is kept for testing.

    Meshes in one sub-folder show one object and stay together. A mesh is centred, scaled down where
    the gripper could not hold it, decomposed by V-HACD and cached below the user's cache folder.

    Args:
        folder: Where the meshes lie, perhaps in sub-folders.
        unit: Of their numbers: m, cm, mm or inch; empty: guessed for each.

    Raises:
        ConfigError: if none can be used.
    """

    def __init__(self, folder: Path, unit: str = "") -> None:
        self._found = read_mesh_folder(folder, unit)

    def names(self, split: str) -> list[str]:
        names = list(self._found.meshes)
        objects = _objects(names)
        known = sorted(set(objects.values()))
        of_test = set(known[_TEST_EVERY - 1 :: _TEST_EVERY] or known[-1:])
        if split == "all":
            return names
        found = [n for n in names if (objects[n] in of_test) == (split == "test")]
        return found or names

    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        if name not in self._found.meshes:
            raise ConfigError(self._why_unknown(name))
        with physics.lock:
            client = physics.client
            mesh = str(_import_mesh(self._found.meshes[name]))
            collision = client.createCollisionShape(client.GEOM_MESH, fileName=mesh)
            visual = client.createVisualShape(
                client.GEOM_MESH, fileName=mesh, rgbaColor=[0.7, 0.6, 0.5, 1.0]
            )
            body = client.createMultiBody(
                MASS, collision, visual, pose.position.tolist(), pose.quat_xyzw.tolist()
            )
            apply_contact_properties(physics, body)
        return int(body)

    def _why_unknown(self, name: str) -> str:
        for path, reason in self._found.left_out.items():
            if str(Path(path).with_suffix("")) == name:
                return f"Mesh '{path}' was left out: {reason}."
        return f"Unknown mesh '{name}'. Known: {', '.join(self._found.meshes)}."


def _objects(names: list[str]) -> dict[str, str]:
    """Return what each mesh shows: itself, or what all in a sub-folder do."""
    parts = [name.split("/") for name in names]
    depth = 0  # of folders that all of them share
    while all(len(p) > depth + 1 and p[depth] == parts[0][depth] for p in parts):
        depth += 1
    return {name: p[depth] for name, p in zip(names, parts, strict=True)}


def _import_mesh(mesh: MeshFile) -> Path:
    """Return the cached convex decomposition of a mesh, making it where it is missing."""
    try:
        digest = hashlib.sha256(mesh.path.read_bytes()).hexdigest()[:16]
        shape = read_mesh(mesh.path)
    except (OSError, ConfigError) as error:  # it was well as the set was made
        raise ConfigError(f"Mesh '{mesh.path}' has changed meanwhile: {error}.") from error
    cache = cache_folder("meshes")
    result = cache / f"{digest}_{mesh.scale:.9g}.obj"
    if result.is_file():
        return result
    vertices = np.asarray(shape.vertices)
    shape.vertices = (vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2) * mesh.scale
    scaled = cache / f"{digest}_scaled.obj"
    shape.export(scaled)
    try:
        decompose(mesh.path, scaled, result)
    except ConfigError as error:
        _log.warning("%s Its convex hull is used.", error)
        shape.convex_hull.export(result)
    return result
