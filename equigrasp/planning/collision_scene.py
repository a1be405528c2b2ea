"""What the arm must not touch: table, trays, obstacles, objects and itself."""

from dataclasses import dataclass

import coal
import numpy as np
import pinocchio as pin

from equigrasp.devices.cell import CellConfig
from equigrasp.devices.obstacle import Obstacle
from equigrasp.planning.field_contact import FieldContact
from equigrasp.planning.fixed_bodies import fixed_bodies
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.object_field import ObjectField
from equigrasp.planning.self_collision import unchecked_pairs

_MARGIN = 0.002  # [m] kept from everything


@dataclass(frozen=True)
class Contact:
    """Two things that touch.

    Args:
        link: Of the robot.
        thing: Another link, a fixed body, or the objects.
        is_of_gripper: Whether the gripper touches what is no part of the robot: then another posture of
            the arm with the same pose of the TCP touches it too.
    """

    link: str
    thing: str
    is_of_gripper: bool = False

    def __str__(self) -> str:
        return f"{self.link} and {self.thing}"


class CollisionScene:
    """Robot links against the cell's fixed bodies, the objects, and each other."""

    def __init__(self, kinematics: Kinematics, cell: CellConfig) -> None:
        self._model = kinematics.model
        self._geometry = kinematics.geometry.copy()
        self._data = self._model.createData()
        self._objects = FieldContact(kinematics)
        self._gripper = kinematics.gripper_links
        links = list(range(self._geometry.ngeoms))
        for body in fixed_bodies(cell):
            self._add(body)
        fixed = range(len(links), self._geometry.ngeoms)
        for i in links:
            if self._geometry.geometryObjects[i].parentJoint > 1:  # the foot stands on the table
                for j in fixed:
                    self._geometry.addCollisionPair(pin.CollisionPair(i, j))
        self._add_self_pairs(links, unchecked_pairs(cell))
        self._geometry_data = self._geometry.createData()
        for request in self._geometry_data.collisionRequests:
            request.security_margin = _MARGIN

    def set_objects(self, objects: ObjectField | None) -> None:
        """Take over what lies in a tray; None: nothing is known of it."""
        self._objects.set_field(objects)

    def find_collision(self, positions: np.ndarray) -> Contact | None:
        """Return the first contact at joint positions (n,), or None."""
        if not pin.computeCollisions(
            self._model, self._data, self._geometry, self._geometry_data, positions, True
        ):
            link = self._objects.find(self._geometry_data.oMg)
            return None if link is None else Contact(link, "the objects", link in self._gripper)
        for k, result in enumerate(self._geometry_data.collisionResults):
            if result.isCollision():
                pair = self._geometry.collisionPairs[k]
                shapes = [self._geometry.geometryObjects[i] for i in (pair.first, pair.second)]
                link, thing = (shape.name.removesuffix("_0") for shape in shapes)
                is_fixed = shapes[1].parentJoint == 0
                of_gripper = self._model.frames[shapes[0].parentFrame].name in self._gripper
                return Contact(link, thing, of_gripper and is_fixed)
        return None

    def _add(self, body: Obstacle) -> None:
        x, y, z = (float(s) for s in body.size)
        shape = coal.Box(x, y, z) if body.shape == "box" else coal.Cylinder(x / 2.0, z)
        placement = pin.SE3(pin.rpy.rpyToMatrix(np.array(body.rpy)), np.array(body.center))
        placed = pin.GeometryObject(
            name=body.name, parent_joint=0, collision_geometry=shape, placement=placement
        )
        self._geometry.addGeometryObject(placed)

    def _add_self_pairs(self, links: list[int], unchecked: set[frozenset[str]] | None) -> None:
        """Add the pairs of the SRDF, or without one of links with two joints or more between them."""
        objects = self._geometry.geometryObjects
        names = [self._model.frames[objects[i].parentFrame].name for i in links]
        for i in links:
            for j in links[:i]:
                apart = abs(objects[i].parentJoint - objects[j].parentJoint)
                is_pair = frozenset((names[i], names[j])) not in (unchecked or ())
                if apart > (0 if unchecked is not None else 2) and is_pair:
                    self._geometry.addCollisionPair(pin.CollisionPair(j, i))
