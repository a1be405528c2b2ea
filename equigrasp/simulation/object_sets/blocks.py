"""Equal blocks, for tight layouts."""

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.object_sets.object_set import ObjectSet, apply_contact_properties
from equigrasp.simulation.physics import Physics

BLOCK_HEIGHT = 0.035  # [m]
_MASS = 0.06  # [kg]
_SIDES = {"block_45": 0.045, "block_50": 0.050}  # [m]
_COLORS = ([0.9, 0.75, 0.1, 1.0], [0.35, 0.45, 0.6, 1.0])  # the first one loaded, and all others


class BlockSet(ObjectSet):
    """Square blocks 35 mm high, of 45 or 50 mm; there is nothing to learn from them."""

    def __init__(self) -> None:
        self._num_loaded = 0

    def names(self, split: str) -> list[str]:
        return list(_SIDES)

    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        half = [block_side(name) / 2.0] * 2 + [BLOCK_HEIGHT / 2.0]
        color = _COLORS[min(self._num_loaded, 1)]
        self._num_loaded += 1
        with physics.lock:
            client = physics.client
            collision = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
            visual = client.createVisualShape(client.GEOM_BOX, halfExtents=half, rgbaColor=color)
            body = client.createMultiBody(
                _MASS, collision, visual, pose.position.tolist(), pose.quat_xyzw.tolist()
            )
            apply_contact_properties(physics, body)
        return int(body)


def block_side(name: str) -> float:
    """Return the side of a block [m]; raise `ConfigError` for an unknown name."""
    if name not in _SIDES:
        raise ConfigError(f"Unknown block '{name}'. Known: {', '.join(_SIDES)}.")
    return _SIDES[name]
