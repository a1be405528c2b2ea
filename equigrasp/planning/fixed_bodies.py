"""What stands in a cell and never moves: table, trays and the obstacles of its configuration."""

import xml.etree.ElementTree as ET

import numpy as np

from equigrasp.devices.cell import CellConfig
from equigrasp.devices.obstacle import Obstacle
from equigrasp.geometry.workspace import Workspace
from equigrasp.paths import urdf_dir

_TABLE = Obstacle("table", (1.6, 1.6, 0.04), (0.45, 0.0, -0.022))


def fixed_bodies(cell: CellConfig) -> tuple[Obstacle, ...]:
    """Return every fixed body of a cell in the base frame: the scene that all planners share."""
    trays = (body for workspace in cell.trays for body in _tray(workspace))
    return (_TABLE, *trays, *cell.obstacles)


def _tray(workspace: Workspace) -> list[Obstacle]:
    """Return floor and walls of a tray, as its description has them."""
    root = ET.parse(urdf_dir() / "cells" / "tray" / "tray.urdf").getroot()
    origin = np.array([workspace.center_x, workspace.center_y, workspace.floor_z - 0.002])
    bodies = []
    for k, collision in enumerate(root.iter("collision")):
        place, box = collision.find("origin"), collision.find("geometry/box")
        assert place is not None and box is not None
        center = origin + _numbers(place, "xyz")
        name = f"tray {workspace.name} part {k}"
        bodies.append(
            Obstacle(
                name, _numbers(box, "size"), tuple(center.tolist()), rpy=_numbers(place, "rpy")
            )
        )
    return bodies


def _numbers(element: ET.Element, key: str) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in element.get(key, "0 0 0").split())
    return x, y, z
