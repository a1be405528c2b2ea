"""A table beside the arm, with trays or without, and the objects on it."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from equigrasp.devices.cell import CellConfig
from equigrasp.devices.world import DROP_SPREAD, World, WorldObject
from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.paths import urdf_dir
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.object_sets.object_set import ObjectSet
from equigrasp.simulation.physics import TIME_STEP, Physics
from equigrasp.simulation.worlds.resting_objects import RestingObjects

_DROP_HEIGHT = 0.15  # [m] above the tray floor, raised where objects pile up
_STEPS_BETWEEN_DROPS = 60  # of the simulation, as the next
_STEPS_TO_SETTLE = 240
_STEPS_PARKED = 3
_FAR_AWAY = 50.0  # [m] where bodies are parked to empty the contact caches


class CellWorld(World):
    """The table of a cell, a tray for each workspace that has one; `reset_robot` brings the arm home at once."""

    def __init__(
        self,
        physics: Physics,
        robot: BulletRobot,
        fingertips: tuple[int, ...],
        cell: CellConfig,
        object_set: ObjectSet,
        reset_robot: Callable[[], None],
        seed: int,
    ) -> None:
        self._physics = physics
        self._robot, self._fingertips = robot, fingertips
        self._reset_robot = reset_robot
        self.object_set = object_set
        self._rng = np.random.default_rng(seed)
        self._names: dict[int, str] = {}
        self._inertias: dict[int, tuple[float, tuple[float, ...]]] = {}
        self._resting = RestingObjects(physics, self._names)
        with physics.lock:
            self._load_table()
            for workspace in cell.trays:
                self._load_tray(workspace)

    def reset(self, seed: int) -> None:
        with self._physics.lock:
            for handle in list(self._names):
                self.remove_object(handle)
            self._reset_robot()
            self._rng = np.random.default_rng(seed)

    def spawn_objects(
        self, names: list[str], workspace: Workspace, spread: float = DROP_SPREAD
    ) -> None:
        for i, name in enumerate(names):
            self.place_object(name, self._drop_pose(workspace, spread, 0.004 * i))
            self._physics.sleep(_STEPS_BETWEEN_DROPS * TIME_STEP)
        self._physics.sleep(_STEPS_TO_SETTLE * TIME_STEP)

    def place_object(self, name: str, pose: Transform) -> int:
        handle = self.object_set.load(self._physics, name, pose)
        self._names[handle] = name
        mass, _, inertia, *_ = self._physics.client.getDynamicsInfo(handle, -1)
        self._inertias[handle] = mass, inertia
        return handle

    def drop_object(self, handle: int, workspace: Workspace) -> None:
        self._require(handle)
        pose, client = self._drop_pose(workspace), self._physics.client
        with self._physics.lock:
            client.resetBasePositionAndOrientation(handle, pose.position, pose.quat_xyzw)
            client.resetBaseVelocity(handle, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
            self._resting.wake_all()  # also what lay on it

    def objects(self) -> list[WorldObject]:
        with self._physics.lock:
            result = []
            for handle, name in self._names.items():
                position, quat = self._physics.client.getBasePositionAndOrientation(handle)
                pose = Transform(np.array(position), np.array(quat))
                result.append(WorldObject(handle, name, pose))
            return result

    def remove_object(self, handle: int) -> None:
        self._require(handle)
        with self._physics.lock:
            self._physics.client.removeBody(handle)
            del self._names[handle], self._inertias[handle]
            self._resting.wake_all()  # also what lay on it

    def held_objects(self) -> list[int]:
        """Return what both fingertips touch, with all that it touches, if that is objects alone."""
        with self._physics.lock:
            ends = [self._touched(self._robot.body, tip) for tip in self._fingertips]
            held: set[int] = set()
            new = set().union(*ends)
            while new:
                if not new <= self._names.keys():
                    return []
                held |= new
                touched = set().union(*(self._touched(handle) for handle in new))
                new = touched - held - {self._robot.body}
        return sorted(held) if all(ends) else []

    def _touched(self, body: int, link: int | None = None) -> set[int]:
        """Return the other bodies that a body, or one of its links, touches."""
        of_link = {} if link is None else {"linkIndexA": link}
        contacts = self._physics.client.getContactPoints(bodyA=body, **of_link)
        return {contact[2] for contact in contacts} - {body}

    def name_below(self, points: np.ndarray) -> str | None:
        """Return the name of the object that most of some points see straight below them.

        Args:
            points: In base, shape (N, 3) [m].

        Returns:
            None where they see none.
        """
        below = points - [0.0, 0.0, 1.0]
        with self._physics.lock:
            hits = self._physics.client.rayTestBatch(points.tolist(), below.tolist())
        handles = [hit[0] for hit in hits if hit[0] in self._names]
        return self._names[max(handles, key=handles.count)] if handles else None

    def object_between(self, one: np.ndarray, other: np.ndarray) -> int | None:
        """Return an object that the straight line between two points meets, None where it meets none.

        Args:
            one: In base, shape (3,) [m].
            other: The other point.
        """
        ways = [one.tolist(), other.tolist()], [other.tolist(), one.tolist()]
        with self._physics.lock:
            hits = self._physics.client.rayTestBatch(*ways)
        return next((hit[0] for hit in hits if hit[0] in self._names), None)

    def push_object(self, handle: int, velocity: np.ndarray) -> None:
        """Give an object a velocity (3,) [m/s], as a finger that flicks it would."""
        self._require(handle)
        with self._physics.lock:
            self._resting.wake_all()
            self._physics.client.resetBaseVelocity(handle, velocity.tolist(), [0.0, 0.0, 0.0])

    def move_object(self, handle: int, pose: Transform) -> None:
        """Put an object elsewhere, at rest; what lay on it falls."""
        self._require(handle)
        client = self._physics.client
        with self._physics.lock:
            client.resetBasePositionAndOrientation(handle, pose.position, pose.quat_xyzw)
            client.resetBaseVelocity(handle, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
            self._resting.wake_all()

    @contextlib.contextmanager
    def held_still(self, handles: list[int]) -> Iterator[None]:
        """Let objects stand as if fixed within the block: what is far from the hand only costs time.

        Contacts within the pile are what a step costs, and a hand near any of it keeps all of it awake.
        """
        with self._physics.lock:
            for handle in handles:
                self._physics.client.changeDynamics(handle, -1, mass=0.0)
        try:
            yield
        finally:
            with self._physics.lock:
                for handle in handles:
                    self._set_mass(handle)

    def _set_mass(self, handle: int) -> None:
        mass, inertia = self._inertias[handle]
        self._physics.client.changeDynamics(handle, -1, mass=mass, localInertiaDiagonal=inertia)

    def objects_beyond(self, x: float, y: float, distance: float) -> list[int]:
        """Return the objects whose boxes are farther than a distance from the vertical through a point [m]."""
        far, here = [], np.array([x, y])
        with self._physics.lock:
            for handle in self._names:
                low, high = (np.array(c[:2]) for c in self._physics.client.getAABB(handle))
                gap = np.maximum(np.maximum(low - here, here - high), 0.0)
                if float(np.hypot(*gap)) > distance:
                    far.append(handle)
        return far

    def snapshot(self) -> int:
        with self._physics.lock:
            self._reset_robot()
            self._resting.wake_all()
            return int(self._physics.client.saveState())

    def restore(self, snapshot: int) -> None:
        """Return to a kept state, with the robot at home.

        PyBullet's own `restoreState` keeps cached contacts, what motors and gears pressed with, and which
        objects were held still, all of which changes what follows. Making all fixed and free again, and
        parking robot and objects far apart for some steps, brings the caches to one state first.
        """
        with self._physics.lock:
            client = self._physics.client
            self._reset_robot()
            for i, handle in enumerate(self._names):
                place = [_FAR_AWAY, 5.0 * i, _FAR_AWAY]
                client.changeDynamics(handle, -1, mass=0.0)
                self._set_mass(handle)
                client.resetBasePositionAndOrientation(handle, place, [0, 0, 0, 1])
            self._resting.wake_all()
            for _ in range(_STEPS_PARKED):
                client.stepSimulation()
            client.restoreState(stateId=snapshot)
            self._reset_robot()
            self._resting.wake_all()

    def forget(self, snapshot: int) -> None:
        with self._physics.lock:
            self._physics.client.removeState(snapshot)

    def _require(self, handle: int) -> None:
        if handle not in self._names:
            raise ConfigError(f"No object with handle {handle}.")

    def _drop_pose(
        self, workspace: Workspace, spread: float = DROP_SPREAD, extra_height: float = 0.0
    ) -> Transform:
        """Draw a pose above the middle of a workspace."""
        centre = np.array([workspace.center_x, workspace.center_y])
        xy = centre + self._rng.uniform(-spread, spread, 2)
        z = workspace.floor_z + _DROP_HEIGHT + extra_height
        return Transform.from_rpy(np.array([*xy, z]), self._rng.uniform(0, 2 * np.pi, 3))

    def _load_table(self) -> None:
        client = self._physics.client
        half = [0.8, 0.8, 0.02]
        shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
        looks = client.createVisualShape(
            client.GEOM_BOX, halfExtents=half, rgbaColor=[0.55, 0.45, 0.35, 1.0]
        )
        table = client.createMultiBody(0, shape, looks, [0.45, 0.0, -0.021])
        client.changeDynamics(table, -1, lateralFriction=0.6)

    def _load_tray(self, workspace: Workspace) -> None:
        client = self._physics.client
        position = [workspace.center_x, workspace.center_y, workspace.floor_z - 0.002]
        tray = client.loadURDF(
            str(urdf_dir() / "cells" / "tray" / "tray.urdf"), position, useFixedBase=True
        )
        client.changeDynamics(tray, -1, lateralFriction=0.5, rollingFriction=0.01)
