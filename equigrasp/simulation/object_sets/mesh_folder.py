"""A user's own folder of meshes, scaled and decomposed into convex parts on import."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.private_folder import cache_folder
from equigrasp.simulation.object_sets.object_set import (
    MASS,
    ObjectSet,
    apply_contact_properties,
)
from equigrasp.simulation.physics import Physics

_SUFFIXES = (".obj", ".stl", ".ply")
_LARGEST_EXTENT = 0.12  # [m] longest side after scaling
_SECOND_EXTENT = 0.06  # [m] largest second side after scaling
_TEST_EVERY = 5  # every fifth mesh, by name, is for testing


class MeshFolderSet(ObjectSet):
    """All meshes of a folder; every fifth one (by name) is kept for testing.

    A mesh is centred, scaled down where the gripper could not hold it (meshes in millimetres come
    out right this way too), decomposed by V-HACD and cached below the user's cache folder.

    Raises:
        ConfigError: if the folder holds no mesh, or a mesh cannot be read or is not finite.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix in _SUFFIXES}
        if not self._paths:
            raise ConfigError(f"Folder '{folder}' holds no mesh ({', '.join(_SUFFIXES)}).")

    def names(self, split: str) -> list[str]:
        names = list(self._paths)
        test = names[_TEST_EVERY - 1 :: _TEST_EVERY] or names[-1:]
        if split == "test":
            return test
        return names if split == "all" else [n for n in names if n not in test] or names

    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        if name not in self._paths:
            raise ConfigError(f"Unknown mesh '{name}'. Known: {', '.join(self._paths)}.")
        with physics.lock:
            client = physics.client
            mesh = str(_import_mesh(client, self._paths[name]))
            collision = client.createCollisionShape(client.GEOM_MESH, fileName=mesh)
            visual = client.createVisualShape(
                client.GEOM_MESH, fileName=mesh, rgbaColor=[0.7, 0.6, 0.5, 1.0]
            )
            body = client.createMultiBody(
                MASS, collision, visual, pose.position.tolist(), pose.quat_xyzw.tolist()
            )
            apply_contact_properties(physics, body)
        return int(body)


def _import_mesh(client: object, path: Path) -> Path:
    """Return the cached convex decomposition of a mesh, making it where it is missing."""
    import trimesh

    cache = cache_folder("meshes")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    result = cache / f"{path.stem}_{digest}.obj"
    if result.is_file():
        return result
    try:
        mesh: Any = trimesh.load(path, force="mesh")
        vertices = np.asarray(mesh.vertices, dtype=float)
    except Exception as error:  # trimesh raises whatever its format readers raise
        raise ConfigError(f"Mesh '{path}' cannot be read: {error}") from error
    if vertices.size == 0 or not np.isfinite(vertices).all():
        raise ConfigError(f"Mesh '{path}' is empty or holds vertices that are not numbers.")
    extents = np.sort(np.ptp(vertices, axis=0))
    scale = min(1.0, _LARGEST_EXTENT / extents[2], _SECOND_EXTENT / max(extents[1], 1e-9))
    mesh.vertices = (vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2) * scale
    scaled, partial = cache / f"{digest}_scaled.obj", cache / f"{digest}_part.obj"
    mesh.export(scaled)
    client.vhacd(  # type: ignore[attr-defined]
        str(scaled), str(partial), str(cache / f"{digest}.log"), resolution=50000
    )
    partial.replace(result)
    return result
