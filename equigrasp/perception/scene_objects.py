"""What is known of each object of a labelled heightmap."""

from dataclasses import dataclass

import numpy as np

from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import LABELS, Observation


@dataclass(frozen=True)
class SceneObject:
    """An object as it is seen from above, in the base frame.

    Args:
        label: Its number in the labels.
        centroid: Middle of its cells, at their mean height [m].
        area: That is seen of it [m^2].
        height: Of its highest cell above the workspace floor [m].
        lower: Corner of the box about it, parallel to the axes, from the floor to its highest cell [m].
        upper: The opposite corner [m].
    """

    label: int
    centroid: tuple[float, float, float]
    area: float
    height: float
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]


def scene_objects(observation: Observation) -> list[SceneObject]:
    """Return the objects of an observation with labels, by their numbers."""
    labels = observation.arrays[LABELS]
    return [
        _describe(int(label), np.argwhere(labels == label), observation)
        for label in np.unique(labels[labels > 0])
    ]


def seen_px(mask: np.ndarray, workspace: Workspace) -> int:
    """Return how many cells of a mask (S, S) lie in the action square."""
    inner = slice(workspace.border_px, workspace.border_px + workspace.action_size_px)
    return int(np.count_nonzero(mask[inner, inner]))


def _describe(label: int, cells: np.ndarray, observation: Observation) -> SceneObject:
    """Describe the object at some cells, shape (N, 2)."""
    workspace, half = observation.workspace, observation.workspace.pixel_size / 2.0
    heights = observation.heightmap[tuple(cells.T)]
    origin = np.array(workspace.pixel_to_xy(0, 0))
    places = origin + cells * workspace.pixel_size  # (N, 2) [m]
    top, floor = float(heights.max()), workspace.floor_z
    middle, low, high = (places.mean(axis=0), places.min(axis=0), places.max(axis=0))
    return SceneObject(
        label,
        (float(middle[0]), float(middle[1]), floor + float(heights.mean())),
        len(cells) * workspace.pixel_size**2,
        top,
        (float(low[0]) - half, float(low[1]) - half, floor),
        (float(high[0]) + half, float(high[1]) + half, floor + top),
    )
