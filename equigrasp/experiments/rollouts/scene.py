"""What lies in a simulated cell between two attempts, so that a stopped run carries on in it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.devices.world import World
from equigrasp.experiments.runs.claims import read_json, write_json
from equigrasp.geometry.transform import Transform


@dataclass(frozen=True)
class PlacedObject:
    """A shape and its pose in base."""

    name: str
    position: tuple[float, ...]
    quat_xyzw: tuple[float, ...]

    @property
    def pose(self) -> Transform:
        """The pose as a transform."""
        return Transform(np.array(self.position), np.array(self.quat_xyzw))


@dataclass(frozen=True)
class Scene:
    """State of an environment after some attempts.

    Args:
        attempts: Attempts of the piece of work so far.
        episode: Number of the episode, or of the draw of objects.
        episode_attempts: Attempts in it.
        tray: Index of the tray that is picked from.
        failures: Failures in a row.
        objects: Everything that lies somewhere.
    """

    attempts: int
    episode: int
    episode_attempts: int
    tray: int
    failures: int
    objects: tuple[PlacedObject, ...]

    def save(self, path: Path) -> None:
        """Write it, whole."""
        write_json(path, dataclasses.asdict(self))

    @staticmethod
    def load(path: Path, attempts: int) -> "Scene | None":
        """Return the scene after exactly so many attempts, if that is what was kept."""
        values = read_json(path)
        if values is None or values["attempts"] != attempts:
            return None
        objects = tuple(
            PlacedObject(o["name"], tuple(o["position"]), tuple(o["quat_xyzw"]))
            for o in values.pop("objects")
        )
        return Scene(**values, objects=objects)


def placed_objects(world: World) -> tuple[PlacedObject, ...]:
    """Return all objects of a world."""
    return tuple(
        PlacedObject(o.name, tuple(o.pose.position.tolist()), tuple(o.pose.quat_xyzw.tolist()))
        for o in world.objects()
    )
