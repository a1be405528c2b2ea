"""PyBullet's 1000 random shapes, at a size that an 85 mm gripper can hold."""

import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import numpy as np
import pybullet_data

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.object_sets.object_set import (
    MASS,
    ObjectSet,
    apply_contact_properties,
)
from equigrasp.simulation.physics import Physics

_NUM_OBJECTS, _NUM_TRAIN = 1000, 900  # the package's own split: 000-899 train, 900-999 test
_BROKEN = (168,)  # its mesh holds vertices that are not numbers
_SECOND_EXTENT = 0.055  # [m] what the second-largest side of the bounding box is scaled to
_LARGEST_EXTENT = 0.13  # [m]


class RandomUrdfSet(ObjectSet):
    """The `random_urdfs` of the pybullet_data package (zlib licence)."""

    def __init__(self) -> None:
        self._folder = Path(pybullet_data.getDataPath()) / "random_urdfs"

    def names(self, split: str) -> list[str]:
        ranges = {"train": (0, _NUM_TRAIN), "test": (_NUM_TRAIN, _NUM_OBJECTS)}
        low, high = ranges.get(split, (0, _NUM_OBJECTS))
        return [f"{i:03d}" for i in range(low, high) if i not in _BROKEN]

    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        path = self._folder / name / f"{name}.urdf"
        if not path.is_file() or int(name) in _BROKEN:
            raise ConfigError(f"Unknown random_urdfs object '{name}', such as '042'.")
        with physics.lock:
            body = physics.client.loadURDF(
                str(path),
                pose.position.tolist(),
                pose.quat_xyzw.tolist(),
                globalScaling=_graspable_scale(path),
            )
            physics.client.changeDynamics(body, -1, mass=MASS)
            apply_contact_properties(physics, body)
        return int(body)


@cache
def _graspable_scale(urdf: Path) -> float:
    """Return what a URDF is to be scaled by; its mesh, of like name, is scaled by it already."""
    mesh = urdf.with_suffix(".obj").read_text(encoding="utf-8").splitlines()
    vertices = np.array([line.split()[1:4] for line in mesh if line.startswith("v ")], dtype=float)
    shape = ET.parse(urdf).find(".//collision/geometry/mesh")
    assert shape is not None
    scale = np.array(shape.get("scale", "1 1 1").split(), dtype=float)
    extents = np.sort(scale * np.ptp(vertices, axis=0))
    return float(min(_SECOND_EXTENT / extents[1], _LARGEST_EXTENT / extents[2]))
