"""Which object is seen where: the simulator's truth about what the overhead camera sees."""

import numpy as np

from equigrasp.devices.world import World
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.heightmap import (
    fill_holes,
    heightmap_from_depth,
    largest_of_cells,
    project_to_cells,
)
from equigrasp.perception.observation import HEIGHTMAP, LABELS, Observation
from equigrasp.simulation.bullet_camera import BulletCamera

MOST_OBJECTS = 255  # labels are bytes
_UNIT = 1e-5  # [m] heights are compared in


class LabelCamera:
    """Looks at workspaces with the objects numbered: ground-truth masks.

    Labels are of visible points only; they tell nothing of what is hidden.

    Args:
        camera: Looks from above.
        world: Whose objects are numbered.
    """

    def __init__(self, camera: BulletCamera, world: World) -> None:
        self._camera, self._world = camera, world

    def look(self, workspace: Workspace) -> tuple[Observation, dict[int, int]]:
        """Return heightmap and labels of a workspace, and the objects' handles by label.

        Label k belongs to the k-th object of the world, counted from 1; 0 is none. Where the camera
        sees several points of one cell, the highest decides, as for its height.
        """
        frame, bodies = self._camera.capture_bodies()
        pose, model = self._camera.T_base_camera, self._camera.model
        handles = [thing.handle for thing in self._world.objects()][:MOST_OBJECTS]
        label_of = np.zeros(max([int(bodies.max()), *handles]) + 2, dtype=np.int64)
        label_of[np.array(handles, dtype=np.int64)] = np.arange(1, len(handles) + 1)
        points = pose.apply(model.deproject(frame.depth))
        seen = label_of[bodies[np.isfinite(frame.depth) & (frame.depth > 0)]]
        heightmap = heightmap_from_depth(frame.depth, model, pose, workspace)
        labels = _highest(points, seen, workspace)
        observation = Observation({HEIGHTMAP: heightmap, LABELS: labels}, workspace, frame.stamp)
        return observation, dict(enumerate(handles, start=1))


def _highest(points: np.ndarray, labels: np.ndarray, workspace: Workspace) -> np.ndarray:
    """Return the label of the highest point of each cell, (S, S) uint8; holes take their rim's."""
    cells, heights, is_inside = project_to_cells(points, workspace)
    # Height and label in one number: the largest of a cell is that of its highest point.
    keys = np.round(heights / _UNIT) * (MOST_OBJECTS + 1.0) + labels[is_inside]
    filled = fill_holes(largest_of_cells(cells, keys.astype(np.float64), workspace))
    return np.asarray(filled % (MOST_OBJECTS + 1), dtype=np.uint8)
