"""Trays with upright walls, like boxes that goods come in: there is no room for a finger beside what lies at one."""

from dataclasses import replace

from equigrasp.devices.calibrated_cell import load_camera, load_cell
from equigrasp.devices.obstacle import Obstacle
from equigrasp.geometry.workspace import Workspace
from equigrasp.simulation.make import SimulatedCell, build_simulated_cell

_HEIGHT = 0.05  # [m] over the tray's floor, as the sloped walls behind them
_AWAY = 0.006  # [m] from the square in which grasps may be chosen: two cells
_THICKNESS = 0.05  # [m] as far as the sloped walls reach
_COLOR = [0.75, 0.77, 0.8, 1.0]


def make_upright_cell(
    cell_name: str, *, object_set: str = "household", seed: int = 0
) -> SimulatedCell:
    """Build a simulated cell whose trays have upright walls about their floors; planners know them.

    Args:
        cell_name: Name of a cell, or path to its YAML file.
        object_set: See `make_simulated_cell`.
        seed: Seeds object drops and camera noise.
    """
    config = load_cell(cell_name)
    walls = tuple(wall for tray in config.trays for wall in _walls(tray))
    cameras = {name: load_camera(config, name) for name in config.cameras}
    simulation = build_simulated_cell(
        replace(config, obstacles=config.obstacles + walls),
        config.load_gripper(),
        cameras,
        object_set=object_set,
        seed=seed,
    )
    client = simulation.physics.client
    for wall in walls:
        half = [side / 2.0 for side in wall.size]
        shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
        looks = client.createVisualShape(client.GEOM_BOX, halfExtents=half, rgbaColor=_COLOR)
        body = client.createMultiBody(0, shape, looks, wall.center)
        client.changeDynamics(body, -1, lateralFriction=0.5)
    return simulation


def _walls(tray: Workspace) -> list[Obstacle]:
    """Return walls about a tray's floor."""
    half = tray.action_size_px * tray.pixel_size / 2.0 + _AWAY
    away, long = half + _THICKNESS / 2.0, 2.0 * (half + _THICKNESS)
    z = tray.floor_z + _HEIGHT / 2.0
    walls: list[Obstacle] = []
    for sign in (-1.0, 1.0):
        for size, x, y in (
            ((_THICKNESS, long, _HEIGHT), sign * away, 0.0),
            ((long, _THICKNESS, _HEIGHT), 0.0, sign * away),
        ):
            name = f"upright wall {tray.name} {len(walls)}"
            walls.append(Obstacle(name, size, (tray.center_x + x, tray.center_y + y, z)))
    return walls
