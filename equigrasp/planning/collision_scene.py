"""What the arm must not touch: the table, the trays and itself."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import pinocchio as pin

from equigrasp.errors import CollisionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.paths import urdf_dir
from equigrasp.planning.kinematics import Kinematics, coal

_MARGIN = 0.002  # [m] kept from everything


@dataclass(frozen=True)
class Obstacle:
    """An upright box in the base frame: edge lengths and centre [m]."""

    name: str
    size: tuple[float, float, float]
    center: tuple[float, float, float]


class CollisionScene:
    """Robot links against table, trays and further obstacles, and against each other."""

    def __init__(
        self,
        kinematics: Kinematics,
        workspaces: tuple[Workspace, ...],
        obstacles: tuple[Obstacle, ...] = (),
    ) -> None:
        self._model = kinematics.model
        self._geometry = kinematics.geometry.copy()
        self._data = self._model.createData()
        links = list(range(self._geometry.ngeoms))
        self._add_box("table", np.array([1.6, 1.6, 0.04]), np.array([0.45, 0.0, -0.022]))
        for workspace in workspaces:
            self._add_tray(workspace)
        for obstacle in obstacles:
            self._add_box(obstacle.name, np.array(obstacle.size), np.array(obstacle.center))
        fixed = range(len(links), self._geometry.ngeoms)
        for i in links:
            if self._geometry.geometryObjects[i].parentJoint > 1:  # the foot stands on the table
                for j in fixed:
                    self._geometry.addCollisionPair(pin.CollisionPair(i, j))
        self._add_self_pairs(links)
        self._geometry_data = self._geometry.createData()
        for request in self._geometry_data.collisionRequests:
            request.security_margin = _MARGIN

    def find_collision(self, positions: np.ndarray) -> str | None:
        """Return "link and thing" for the first contact at joint positions (n,), or None."""
        if not pin.computeCollisions(
            self._model, self._data, self._geometry, self._geometry_data, positions, True
        ):
            return None
        for k, result in enumerate(self._geometry_data.collisionResults):
            if result.isCollision():
                pair = self._geometry.collisionPairs[k]
                names = [self._geometry.geometryObjects[i].name for i in (pair.first, pair.second)]
                return " and ".join(n.removesuffix("_0") for n in names)
        return None

    def check(self, positions: np.ndarray, what: str) -> None:
        """Raise `CollisionError` that names `what` and the contact, if there is one."""
        contact = self.find_collision(positions)
        if contact is not None:
            raise CollisionError(f"{what} would bring {contact} into contact.")

    def _add_box(
        self, name: str, size: np.ndarray, center: np.ndarray, rpy: np.ndarray | None = None
    ) -> None:
        rotation = np.eye(3) if rpy is None else pin.rpy.rpyToMatrix(rpy)
        box = coal.Box(*[float(s) for s in size])
        placed = pin.GeometryObject(
            name=name,
            parent_joint=0,
            collision_geometry=box,
            placement=pin.SE3(rotation, center),
        )
        self._geometry.addGeometryObject(placed)

    def _add_tray(self, workspace: Workspace) -> None:
        root = ET.parse(urdf_dir() / "cells" / "tray" / "tray.urdf").getroot()
        origin = np.array([workspace.center_x, workspace.center_y, workspace.floor_z - 0.002])
        for k, collision in enumerate(root.iter("collision")):
            place, box = collision.find("origin"), collision.find("geometry/box")
            assert place is not None and box is not None
            xyz = np.array(place.get("xyz", "0 0 0").split(), dtype=float)
            rpy = np.array(place.get("rpy", "0 0 0").split(), dtype=float)
            size = np.array(box.get("size", "").split(), dtype=float)
            self._add_box(f"tray {workspace.name} part {k}", size, origin + xyz, rpy)

    def _add_self_pairs(self, links: list[int]) -> None:
        objects = self._geometry.geometryObjects
        for i in links:
            for j in links[:i]:
                apart = abs(objects[i].parentJoint - objects[j].parentJoint)
                if apart > 2:  # neighbours touch by construction
                    self._geometry.addCollisionPair(pin.CollisionPair(j, i))
