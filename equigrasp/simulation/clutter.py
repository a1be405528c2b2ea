"""Clutter on an open table: objects dropped one on the other, as hard to grasp as asked for."""

import numpy as np

from equigrasp.devices.cell import CellConfig
from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace
from equigrasp.simulation.make import SimulatedCell

_REST_TIME = 1.0  # [s] after which all but balls have come to rest
_NUM_RETURNS = 5  # objects that rolled away are dropped again so often


class Clutter:
    """Drops objects over the first open workspace of a simulated cell.

    Args:
        simulation: The cell.

    Raises:
        ConfigError: if all workspaces of the cell are trays.
    """

    def __init__(self, simulation: SimulatedCell) -> None:
        self.workspace = open_workspace(simulation.cell.config)
        self._simulation = simulation

    def drop(self, names: list[str], spread: float, seed: int) -> None:
        """Empty the table, drop objects of these shapes, and bring back those that roll off.

        Args:
            names: Of the shapes.
            spread: Half side of the square that they are dropped over [m]: the smaller, the denser.
            seed: Of where and how they fall.
        """
        world, physics = self._simulation.world, self._simulation.physics
        world.reset(seed)
        world.spawn_objects(names, self.workspace, spread)
        physics.sleep(_REST_TIME)
        for _ in range(_NUM_RETURNS):
            strays = [o.handle for o in world.objects() if not self._is_on(o.pose.position)]
            if not strays:
                return
            for handle in strays:
                world.drop_object(handle, self.workspace)
                physics.sleep(_REST_TIME)

    def _is_on(self, position: np.ndarray) -> bool:
        return self.workspace.contains_xy(float(position[0]), float(position[1]))


def open_workspace(cell: CellConfig) -> Workspace:
    """Return the first workspace of a cell without walls; raise `ConfigError` if there is none."""
    if not cell.open_workspaces:
        raise ConfigError(
            f"Cell '{cell.name}' has no open workspace: all of its tables are trays."
        )
    return cell.workspace(cell.open_workspaces[0])
