"""A PyBullet camera that renders in a process of its own.

PyBullet's renderer takes tens of milliseconds and holds both the world and Python's global lock
meanwhile: a world that must keep the pace of the wall clock cannot wait for it.
"""

import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import CameraConfig
from equigrasp.errors import DeviceError, DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.simulation.make import SimulatedCell

_START_TIMEOUT = 30.0  # [s] for the second world to be built
_FRAME_TIMEOUT = 2.0  # [s]


@dataclass(frozen=True, eq=False)
class Scene:
    """Where everything is.

    Args:
        stamp: Time of the look [s].
        joints: Position of each joint of the robot, by its index [rad].
        objects: Name and pose of each object, by its handle.
    """

    stamp: float
    joints: dict[int, float]
    objects: dict[int, tuple[str, Transform]]


class MirrorCamera(Camera):
    """Sees a simulated cell through a second world, brought to the state of the first at each look.

    Args:
        simulation: The cell that is looked at.
        camera: What it is looked at with.
        object_set: Its object set.
        seed: Of the noise.
        timeout: Longest wait for a picture [s].
    """

    def __init__(
        self,
        simulation: SimulatedCell,
        camera: CameraConfig,
        object_set: str,
        seed: int,
        timeout: float = _FRAME_TIMEOUT,
    ) -> None:
        self._simulation = simulation
        self._camera = camera
        cell = simulation.cell
        self._arguments = (cell.config, cell.gripper_config, camera, object_set, seed)
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    @property
    def model(self) -> CameraModel:
        return self._camera.model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return self._camera.pose

    def connect(self) -> None:
        if self._process is not None:
            return
        self._pipe, theirs = Pipe()
        module = "equigrasp.simulation.mirror_process"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; closing the pipe ends the process
        )
        theirs.close()
        self._pipe.send(self._arguments)
        self._receive(_START_TIMEOUT)

    def disconnect(self) -> None:
        if self._pipe is not None:
            self._pipe.close()  # which ends the process
            self._pipe = None
        if self._process is not None:
            try:
                self._process.wait(_FRAME_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def capture(self) -> CameraFrame:
        if self._pipe is None:
            raise NotConnectedError("The mirror camera is not connected.")
        try:
            self._pipe.send(_look_at(self._simulation))
        except OSError as error:
            raise DeviceError("The process that renders has ended.") from error
        return self._receive(self._timeout)

    def _receive(self, timeout: float) -> CameraFrame:
        assert self._pipe is not None
        try:
            if self._pipe.poll(timeout):
                frame: CameraFrame = self._pipe.recv()
                return frame
        except (EOFError, OSError) as error:
            raise DeviceError("The process that renders has ended.") from error
        self.disconnect()
        raise DeviceTimeoutError(f"The process that renders gave no picture within {timeout} s.")


def _look_at(simulation: SimulatedCell) -> Scene:
    physics, robot = simulation.physics, simulation.robot
    with physics.lock:
        indices = list(robot.joints.values())
        states = physics.client.getJointStates(robot.body, indices)
        objects = {o.handle: (o.name, o.pose) for o in simulation.world.objects()}
        stamp = physics.now()
    return Scene(stamp, {i: s[0] for i, s in zip(indices, states, strict=True)}, objects)
