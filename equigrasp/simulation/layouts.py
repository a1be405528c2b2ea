"""Scenes on an open table by their names: clutter, and the tight layouts."""

import numpy as np

from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace
from equigrasp.simulation.clutter import Clutter, open_workspace
from equigrasp.simulation.clutter_spreads import clutter_spreads
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.object_sets.blocks import BlockSet
from equigrasp.simulation.object_sets.object_set import ObjectSet
from equigrasp.simulation.tight_layouts import LAYOUTS, place_layout

CLUTTER = "clutter"
_TIGHT = {f"tight_{k}": k for k in range(1, len(LAYOUTS) + 1)}
_SPREAD = (
    0.12  # [m] half side of the square that clutter is dropped over, where the tables name none
)


class LayoutError(ConfigError):
    """There is no such layout, or it cannot be laid out there."""


def lay_out(
    simulation: SimulatedCell,
    workspace: Workspace,
    layout: str,
    objects: ObjectSet | None,
    split: str,
    num_objects: int,
    seed: int,
) -> list[str]:
    """Empty the world and lay a scene out on an open table.

    Args:
        simulation: Of a cell with one.
        workspace: Of the table.
        layout: `clutter`, or `tight_1` to `tight_8`, which have blocks of their own.
        objects: Of clutter, and of the world from then on; None: those of the world.
        split: Part of them.
        num_objects: Of clutter.
        seed: Of draw and drop, of turn and gaps.

    Returns:
        The names of the shapes; the target of a tight layout is the first.

    Raises:
        LayoutError: if there is no such layout, or the workspace is not the cell's open one.
        ConfigError: if there is no such split.
    """
    world, rng = simulation.world, np.random.default_rng(seed)
    if layout != CLUTTER and layout not in _TIGHT:
        known = ", ".join((CLUTTER, *_TIGHT))
        raise LayoutError(f"Unknown layout '{layout}'. Known: {known}.")
    try:
        table = open_workspace(simulation.cell.config)
    except ConfigError as error:
        raise LayoutError(str(error)) from error
    if workspace != table:
        raise LayoutError(
            f"Layout '{layout}' needs the open workspace '{table.name}', found '{workspace.name}'."
        )
    if layout == CLUTTER:
        world.object_set = objects or world.object_set
        names = world.object_set.draw(split, num_objects, rng)
        Clutter(simulation).drop(names, clutter_spreads().get(num_objects, _SPREAD), seed)
        return names
    own, world.object_set = world.object_set, BlockSet()
    try:
        place_layout(simulation, workspace, _TIGHT[layout], rng)
    finally:
        world.object_set = own
    return [thing.name for thing in world.objects()]
