"""Household-like objects of our own making, put together from boxes, cylinders and spheres."""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.object_sets.object_set import (
    MASS,
    ObjectSet,
    apply_contact_properties,
)
from equigrasp.simulation.physics import Physics

_VARIANTS = 8  # of each family
_TEST_VARIANTS = (6, 7)  # sizes never seen in training …
_TEST_FAMILIES = ("dumbbell", "spatula")  # … and whole families never seen


@dataclass(frozen=True)
class Part:
    """A primitive: `box` (half extents), `cylinder` (radius, length) or `sphere` (radius) [m]."""

    shape: str
    size: tuple[float, ...]
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rpy: tuple[float, float, float] = (0.0, 0.0, 0.0)


Draw = Callable[[float, float], float]


def _box(u: Draw) -> list[Part]:
    return [Part("box", (u(0.015, 0.03), u(0.02, 0.05), u(0.012, 0.03)))]


def _can(u: Draw) -> list[Part]:
    return [Part("cylinder", (u(0.018, 0.032), u(0.04, 0.09)))]


def _bar(u: Draw) -> list[Part]:
    return [Part("box", (u(0.008, 0.014), u(0.05, 0.08), u(0.010, 0.015)))]


def _ball(u: Draw) -> list[Part]:
    return [Part("sphere", (u(0.02, 0.032),))]


def _bottle(u: Draw) -> list[Part]:
    radius, length = u(0.02, 0.03), u(0.06, 0.09)
    neck = u(0.02, 0.035)
    return [
        Part("cylinder", (radius, length)),
        Part("cylinder", (radius * 0.45, neck), (0.0, 0.0, (length + neck) / 2)),
    ]


def _mug(u: Draw) -> list[Part]:
    radius, length = u(0.026, 0.034), u(0.05, 0.08)
    reach = radius + 0.012
    return [
        Part("cylinder", (radius, length)),
        Part("box", (0.012, 0.006, 0.005), (reach, 0.0, length * 0.25)),
        Part("box", (0.012, 0.006, 0.005), (reach, 0.0, -length * 0.25)),
        Part("box", (0.005, 0.006, length * 0.25 + 0.005), (reach + 0.012, 0.0, 0.0)),
    ]


def _bracket(u: Draw) -> list[Part]:
    a, b, t = u(0.03, 0.05), u(0.025, 0.04), u(0.009, 0.014)
    return [Part("box", (t, a, 0.014)), Part("box", (b / 2, t, 0.014), (t + b / 2, a - t, 0.0))]


def _tee(u: Draw) -> list[Part]:
    a, b, t = u(0.03, 0.05), u(0.025, 0.045), u(0.009, 0.013)
    return [Part("box", (t, a, 0.013)), Part("box", (b / 2, t, 0.013), (t + b / 2, 0.0, 0.0))]


def _cross(u: Draw) -> list[Part]:
    a, t = u(0.03, 0.045), u(0.008, 0.013)
    return [Part("box", (t, a, 0.013)), Part("box", (a, t, 0.013))]


def _brush(u: Draw) -> list[Part]:
    length, r = u(0.05, 0.07), u(0.009, 0.013)
    return [
        Part("cylinder", (r, 2 * length), rpy=(math.pi / 2, 0.0, 0.0)),
        Part("box", (0.018, 0.025, 0.012), (0.0, length, 0.0)),
    ]


def _cube(u: Draw) -> list[Part]:
    half = u(0.015, 0.03)
    return [Part("box", (half, half, half))]


def _pepper(u: Draw) -> list[Part]:
    radius, length = u(0.016, 0.026), u(0.03, 0.06)
    return [
        Part("cylinder", (radius, length)),
        Part("sphere", (radius,), (0.0, 0.0, length / 2)),
        Part("sphere", (radius,), (0.0, 0.0, -length / 2)),
    ]


def _dumbbell(u: Draw) -> list[Part]:
    radius, length = u(0.02, 0.028), u(0.06, 0.09)
    return [
        Part("cylinder", (radius * 0.5, length)),
        Part("cylinder", (radius, 0.02), (0.0, 0.0, length / 2)),
        Part("cylinder", (radius, 0.02), (0.0, 0.0, -length / 2)),
    ]


def _spatula(u: Draw) -> list[Part]:
    length = u(0.05, 0.07)
    return [
        Part("box", (0.008, length, 0.009)),
        Part("box", (u(0.02, 0.03), 0.022, 0.009), (0.0, length, 0.0)),
    ]


_FAMILIES: dict[str, Callable[[Draw], list[Part]]] = {
    "bar": _bar, "ball": _ball, "bottle": _bottle, "box": _box, "bracket": _bracket,
    "brush": _brush, "can": _can, "cross": _cross, "cube": _cube, "dumbbell": _dumbbell,
    "mug": _mug, "pepper": _pepper, "spatula": _spatula, "tee": _tee,
}  # fmt: skip


class HouseholdSet(ObjectSet):
    """14 families of 8 sizes: 72 shapes to train on, 40 to test on (two families unseen)."""

    def names(self, split: str) -> list[str]:
        names = [f"{family}_{i}" for family in sorted(_FAMILIES) for i in range(_VARIANTS)]
        if split == "all":
            return names
        return [n for n in names if _is_test(n) == (split == "test")]

    def parts(self, name: str) -> list[Part]:
        """Return the primitives of a shape; raise `ConfigError` for an unknown name."""
        family, _, variant = name.rpartition("_")
        if family not in _FAMILIES or not variant.isdigit() or int(variant) >= _VARIANTS:
            raise ConfigError(f"Unknown household object '{name}', such as 'mug_3'.")
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        return _FAMILIES[family](lambda low, high: float(rng.uniform(low, high)))

    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        parts = self.parts(name)
        rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
        color = [*rng.uniform(0.25, 0.95, 3).tolist(), 1.0]
        with physics.lock:
            client = physics.client
            collision = client.createCollisionShapeArray(**_arrays(client, parts, "half"))
            visual = client.createVisualShapeArray(
                **_arrays(client, parts, "visual"), rgbaColors=[color] * len(parts)
            )
            body = client.createMultiBody(
                MASS, collision, visual, pose.position.tolist(), pose.quat_xyzw.tolist()
            )
            apply_contact_properties(physics, body)
        return int(body)


def _is_test(name: str) -> bool:
    family, _, variant = name.rpartition("_")
    return family in _TEST_FAMILIES or int(variant) in _TEST_VARIANTS


def _arrays(client: object, parts: list[Part], kind: str) -> dict[str, list[object]]:
    from scipy.spatial.transform import Rotation

    types = {"box": 3, "cylinder": 4, "sphere": 2}  # GEOM_BOX, GEOM_CYLINDER, GEOM_SPHERE
    prefix = "visual" if kind == "visual" else "collision"
    return {
        "shapeTypes": [types[p.shape] for p in parts],
        "halfExtents": [list(p.size) if p.shape == "box" else [0.0] * 3 for p in parts],
        "radii": [p.size[0] if p.shape != "box" else 0.0 for p in parts],
        "lengths": [p.size[1] if p.shape == "cylinder" else 0.0 for p in parts],
        f"{prefix}FramePositions": [list(p.position) for p in parts],
        f"{prefix}FrameOrientations": [
            Rotation.from_euler("xyz", p.rpy).as_quat().tolist() for p in parts
        ],
    }
