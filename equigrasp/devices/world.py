"""Contract of a simulated world: what a simulation offers beyond the devices."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace

DROP_SPREAD = 0.06  # [m] half side of the square that objects are dropped over, for a tray


@dataclass(frozen=True, eq=False)
class WorldObject:
    """A graspable object: its handle, the name of its shape, and its pose in base."""

    handle: int
    name: str
    pose: Transform


class World(ABC):
    """Scene control of a simulation, used to set experiments up and to tell the truth about them.

    No policy, primitive or reward may read it, except the oracle and the measurement of how well
    success detection agrees with the truth.
    """

    @abstractmethod
    def reset(self, seed: int) -> None:
        """Remove all objects, bring the arm home, and reseed; equal seeds give equal runs."""

    @abstractmethod
    def spawn_objects(
        self, names: list[str], workspace: Workspace, spread: float = DROP_SPREAD
    ) -> None:
        """Drop objects of the named shapes over a workspace, one by one, and let them settle.

        Args:
            names: Of the shapes.
            workspace: Where they fall.
            spread: Half side of the square about its middle that they are dropped over [m].
        """

    @abstractmethod
    def place_object(self, name: str, pose: Transform) -> int:
        """Put an object of a shape at a pose in base, at rest, and return its handle."""

    @abstractmethod
    def drop_object(self, handle: int, workspace: Workspace) -> None:
        """Let an object fall into a tray from above it; it comes to rest as time passes."""

    @abstractmethod
    def objects(self) -> list[WorldObject]:
        """Return all objects and where they are."""

    @abstractmethod
    def remove_object(self, handle: int) -> None:
        """Take an object out of the world."""

    @abstractmethod
    def held_objects(self) -> list[int]:
        """Return the handles of what hangs between the fingers: an object, or several at once."""

    @abstractmethod
    def snapshot(self) -> int:
        """Bring the robot home at once, keep the present state, and return its handle."""

    @abstractmethod
    def restore(self, snapshot: int) -> None:
        """Return to a kept state, the robot at home, so that what follows is repeatable bit by bit."""

    @abstractmethod
    def forget(self, snapshot: int) -> None:
        """Free a kept state."""

    def object_names_in(self, workspace: Workspace) -> list[str]:
        """Return the names of the objects whose centre lies over a workspace."""
        half = workspace.size / 2.0
        centre = np.array([workspace.center_x, workspace.center_y])
        return [
            o.name
            for o in self.objects()
            if bool((np.abs(o.pose.position[:2] - centre) <= half).all())
        ]
