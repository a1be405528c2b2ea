"""Several object sets as one."""

import numpy as np

from equigrasp.config import check_distinct
from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.object_sets.object_set import ObjectSet
from equigrasp.simulation.physics import Physics


class MixedSet(ObjectSet):
    """Shapes of several sets; a draw takes about as many from each, however many it has.

    Args:
        sets: They share no names.

    Raises:
        ConfigError: if they do.
    """

    def __init__(self, sets: list[ObjectSet]) -> None:
        check_distinct("objects", (name for s in sets for name in s.names("all")))
        self._sets = sets

    def names(self, split: str) -> list[str]:
        return [name for s in self._sets for name in s.names(split)]

    def load(self, physics: Physics, name: str, pose: Transform) -> int:
        for one in self._sets:
            if name in one.names("all"):
                return one.load(physics, name, pose)
        raise ConfigError(f"Unknown object '{name}' of a mixed set.")

    def draw(self, split: str, count: int, rng: np.random.Generator) -> list[str]:
        """See `ObjectSet.draw`; each of the sets must have shapes in the split."""
        shares = np.bincount(rng.integers(len(self._sets), size=count), minlength=len(self._sets))
        drawn = [s.draw(split, int(n), rng) for s, n in zip(self._sets, shares, strict=True)]
        return [str(name) for name in rng.permutation([name for names in drawn for name in names])]
