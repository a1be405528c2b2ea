"""Contract of an object set."""

from abc import ABC, abstractmethod

import numpy as np

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.physics import Physics

SPLITS = ("train", "test", "all")
MASS = 0.15  # [kg], friction and damping: as the paper's simulator
LATERAL_FRICTION = 0.6
ROLLING_FRICTION = 0.005


class ObjectSet(ABC):
    """A family of shapes, each with a name, split into shapes to train on and to test on."""

    @abstractmethod
    def names(self, split: str) -> list[str]:
        """Return the shape names of `train`, `test` or `all`, in a fixed order."""

    @abstractmethod
    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        """Put one object into the world and return its body id."""

    def draw(self, split: str, count: int, rng: np.random.Generator) -> list[str]:
        """Draw names, each at most once unless more are asked for than there are.

        Raises:
            ConfigError: if the split is unknown or empty.
        """
        if split not in SPLITS:
            raise ConfigError(f"Unknown split '{split}'. Known splits: {', '.join(SPLITS)}.")
        names = self.names(split)
        if not names:
            raise ConfigError(f"Split '{split}' of this object set is empty.")
        return [str(n) for n in rng.choice(names, size=count, replace=count > len(names))]


def apply_contact_properties(physics: Physics, body: int) -> None:
    """Give a loaded object the friction of the paper's simulator."""
    physics.client.changeDynamics(
        body,
        -1,
        lateralFriction=LATERAL_FRICTION,
        spinningFriction=ROLLING_FRICTION,
        rollingFriction=ROLLING_FRICTION,
        restitution=0.0,
        linearDamping=0.04,
        angularDamping=0.04,
    )
