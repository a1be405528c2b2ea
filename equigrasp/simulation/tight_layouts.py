"""The eight tight layouts: a block between equal blocks (EPG, RA-L 2025, table III)."""

import numpy as np

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.object_sets.blocks import BLOCK_HEIGHT, block_side

_PLACES = {
    "N": (-1, 0), "S": (1, 0), "W": (0, -1), "E": (0, 1),
    "NW": (-1, -1), "NE": (-1, 1), "SW": (1, -1), "SE": (1, 1),
}  # fmt: skip
LAYOUTS: tuple[tuple[str, ...], ...] = (
    ("S",),
    ("N", "S"),
    ("W", "S"),
    ("N", "W", "S"),
    ("N", "W", "E", "S"),
    ("W", "S", "SW", "NW", "SE"),
    ("N", "W", "E", "NW", "NE", "SW", "SE"),
    ("N", "S", "W", "E", "NW", "NE", "SW", "SE"),
)  # which neighbours the target has, on the grid of its own size
_GAP = 0.001  # [m] largest between two blocks
_SETTLE_TIME = 0.5  # [s]


def place_layout(
    simulation: SimulatedCell,
    workspace: Workspace,
    case: int,
    rng: np.random.Generator,
    block: str = "block_45",
) -> int:
    """Empty the world, lay a layout out in the middle of a workspace, turned at random.

    Args:
        simulation: With the object set `blocks`.
        workspace: Where.
        case: 1 to 8.
        rng: Draws turn and gaps.
        block: Which blocks.

    Returns:
        The target's handle; it is the world's first object.

    Raises:
        ConfigError: if there is no such case or block.
    """
    if not 1 <= case <= len(LAYOUTS):
        raise ConfigError(f"There is no tight layout {case}: they are 1 to {len(LAYOUTS)}.")
    side = block_side(block)
    world = simulation.world
    world.reset(int(rng.integers(2**31)))
    angle = float(rng.uniform(0.0, 2.0 * np.pi))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([workspace.center_x, workspace.center_y])
    handles = []
    for row, col in [(0, 0), *(_PLACES[name] for name in LAYOUTS[case - 1])]:
        way = np.array([row, col]) * (side + float(rng.uniform(0.0, _GAP)))
        z = workspace.floor_z + BLOCK_HEIGHT / 2.0
        position = np.array([*(centre + turn @ way), z])
        pose = Transform.from_rpy(position, np.array([0.0, 0.0, angle]))
        handles.append(world.place_object(block, pose))
    simulation.physics.sleep(_SETTLE_TIME)
    return handles[0]
