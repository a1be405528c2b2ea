"""Contact of the robot's links with a height field of objects."""

import itertools

import numpy as np
import pinocchio as pin

from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.link_hull import hull_corners, hull_surface
from equigrasp.planning.object_field import ObjectField

_SPACING = 0.005  # [m] between points on a link's hull
# No point of a hull is farther than this from the next one kept: half the diagonal of a grid cell,
# and what the sampling of the surface leaves out (`hull_surface`).
_REACH = (3.0**0.5 / 2.0 + 0.3) * _SPACING


class FieldContact:
    """Tells which link touches the objects; errs towards contact by 6 mm upwards, two cells aside.

    Links are their convex hulls; the foot is left out, it stands on the table. Links whose bounding
    box is above or beside the objects are passed over.
    """

    def __init__(self, kinematics: Kinematics) -> None:
        objects = kinematics.geometry.geometryObjects
        links = [kinematics.model.frames[o.parentFrame].name for o in objects]
        self._indices = [i for i, link in enumerate(links) if link not in kinematics.foot_links]
        self._links = [links[i] for i in self._indices]
        self._shapes = [objects[i].geometry for i in self._indices]
        self._points: list[np.ndarray] = []  # made with the first field: it takes a while
        self._may_touch = [link in kinematics.gripper_links for link in self._links]
        self._field: ObjectField | None = None

    def set_field(self, field: ObjectField | None) -> None:
        """Take the objects to be checked against; None: there are none."""
        self._field = None
        if field is not None and field.heights.any():
            self._field = field
            if not self._points:
                hulls = [hull_corners(shape) for shape in self._shapes]
                self._points = [hull_surface(hull, _SPACING) for hull in hulls]
                self._boxes = np.stack([_box_corners(hull) for hull in hulls])  # (L, 8, 3)
            self._tops = field.top(with_target=True, reach=_REACH)
            self._tops_for_gripper = field.top(with_target=False, reach=_REACH)
            center = np.array([field.workspace.center_x, field.workspace.center_y])
            half = field.workspace.size / 2.0
            self._highest = float(self._tops.max()) + _REACH
            self._upper = np.array([*(center + half), self._highest])
            self._lower = np.array([*(center - half), -np.inf])

    def find(self, poses: "pin.StdVec_SE3") -> str | None:
        """Return the name of a link that touches objects, or None.

        Args:
            poses: Poses of the robot's shapes in base, in the order of the kinematic model.
        """
        if self._field is None:
            return None
        matrices = np.array([poses[i].homogeneous for i in self._indices])
        corners = self._boxes @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]
        is_near = (corners.min(axis=1) < self._upper) & (corners.max(axis=1) > self._lower)
        for k in np.flatnonzero(is_near.all(axis=1)).tolist():
            tops = self._tops_for_gripper if self._may_touch[k] else self._tops
            points = self._points[k] @ matrices[k, :3, :3].T + matrices[k, :3, 3]
            if self._touches(points, tops):
                return self._links[k]
        return None

    def _touches(self, points: np.ndarray, tops: np.ndarray) -> bool:
        assert self._field is not None
        low = points[points[:, 2] < self._highest]
        rows, cols = self._field.workspace.xy_to_grid(low[:, 0], low[:, 1])
        size = len(tops)
        is_over = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
        rows, cols, heights = rows[is_over], cols[is_over], low[is_over, 2]
        return bool((heights - _REACH < tops[rows, cols]).any())


def _box_corners(points: np.ndarray) -> np.ndarray:
    """Return the corners (8, 3) of the upright box about points (K, 3)."""
    low, high = points.min(axis=0), points.max(axis=0)
    share = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    return np.asarray(low + share * (high - low))
