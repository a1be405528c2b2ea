"""Which object is seen where: the simulator's truth about what the overhead camera sees."""

import cv2
import numpy as np

from equigrasp.devices.world import World
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import HEIGHTMAP, LABELS, Observation
from equigrasp.simulation.bullet_camera import BulletCamera

MOST_OBJECTS = 255  # labels are bytes
_UNIT = 1e-5  # [m] heights are compared in
_KERNEL = np.ones((3, 3), np.uint8)
_MAX_FILL_ITERATIONS = 12  # as a heightmap's


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
        label_of = np.zeros(max([0, *bodies.ravel(), *handles]) + 2, dtype=np.int64)
        label_of[np.array(handles, dtype=np.int64)] = np.arange(1, len(handles) + 1)
        points = pose.apply(model.deproject(frame.depth))
        seen = label_of[bodies[np.isfinite(frame.depth) & (frame.depth > 0)]]
        heightmap = heightmap_from_depth(frame.depth, model, pose, workspace)
        labels = _highest(points, seen, workspace)
        observation = Observation({HEIGHTMAP: heightmap, LABELS: labels}, workspace, frame.stamp)
        return observation, dict(enumerate(handles, start=1))


def _highest(points: np.ndarray, labels: np.ndarray, workspace: Workspace) -> np.ndarray:
    """Return the label of the highest point of each cell, (S, S) uint8; holes take their rim's."""
    size = workspace.heightmap_size_px
    rows, cols = workspace.xy_to_grid(points[:, 0], points[:, 1])
    is_inside = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
    is_inside &= points[:, 2] <= workspace.ceiling_z
    heights = np.clip(points[is_inside, 2] - workspace.floor_z, 0.0, None)
    # Height and label in one number: the largest of a cell is that of its highest point.
    keys = np.round(heights / _UNIT) * (MOST_OBJECTS + 1) + labels[is_inside]
    flat = np.full(size * size, -1.0)
    np.maximum.at(flat, rows[is_inside] * size + cols[is_inside], keys)
    filled = flat.reshape(size, size)
    for _ in range(_MAX_FILL_ITERATIONS):
        is_hole = filled < 0.0
        if not is_hole.any():
            break
        filled = np.where(is_hole, cv2.dilate(filled, _KERNEL), filled)
    return np.asarray(np.maximum(filled, 0.0) % (MOST_OBJECTS + 1), dtype=np.uint8)
