"""A UR5 cell that exists in PyBullet and on the wire: `equigrasp virtual ur5`.

Here, not in `virtual/`, because it joins the protocols to the physics engine, which `virtual/` does
not know.
"""

import contextlib
import dataclasses
import json
import sys
import threading
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.calibrated_cell import load_camera
from equigrasp.environments.open_loop_grasp import attend
from equigrasp.errors import ConfigError
from equigrasp.seeding import SceneStream
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.simulation.mirror_camera import MirrorCamera
from equigrasp.virtual.cell.motion_record import MotionRecord
from equigrasp.virtual.cell.virtual_orders import make_orders
from equigrasp.virtual.command_server import ORDER_PORT, CommandServer, Order
from equigrasp.virtual.realsense.frame_server import FrameServer
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.modbus_slave import VirtualModbusSlave
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer
from equigrasp.virtual.tcp_server import check_host
from equigrasp.virtual.ur.ur_controller import UrController
from equigrasp.virtual.ur.ur_server import UrServer

GRIPPER_PORT = 63352  # of the Robotiq URCap
CAMERA_PORT = 29997  # ours
_ATTENDANT_PERIOD = 1.0  # [s] between looks for objects beside the trays
_DEVIATION = 0.12  # [rad] of a joint from its path at which the controller stops protectively
_SWITCH_INTERVAL = 2e-4  # [s] threads give way to one another at least this often


@dataclass(frozen=True)
class VirtualCellConfig:
    """What to serve, and where.

    Args:
        cell: A name below config/cells, or a YAML file; its arm has six joints.
        host: Address of controller, gripper, camera and orders.
        objects: Object set: `household`, `random_urdfs` or a folder of meshes.
        split: Part of the object set.
        num_objects: Objects in the first tray.
        seed: Of the objects and their drop.
        is_e_series: Whether the controller is an e-Series; else a CB3.
        has_modbus: Whether the gripper also hangs on a serial port.
        camera_rate: Frames per second [Hz].
        is_open_to_network: Whether `host` may be another than a loopback address.
    """

    cell: str = "ur5"
    host: str = "127.0.0.1"
    objects: str = "household"
    split: str = "train"
    num_objects: int = 15
    seed: int = 0
    is_e_series: bool = False
    has_modbus: bool = False
    camera_rate: float = 6.0
    is_open_to_network: bool = False

    def __post_init__(self) -> None:
        check_host(self.host, self.is_open_to_network)
        if self.num_objects < 0:
            raise ConfigError(f"num_objects must not be negative, found {self.num_objects}.")
        if not self.camera_rate > 0.0:
            raise ConfigError(f"camera_rate must be positive, found {self.camera_rate}.")


class VirtualCell:
    """One world behind the protocols of a UR controller, a Robotiq gripper and a RealSense.

    A context manager: time passes while it is open, at the controller's pace, which is that of the
    wall clock. An attendant puts objects that fall beside the trays back.

    Args:
        config: What to serve, and where.
    """

    def __init__(self, config: VirtualCellConfig) -> None:
        self.config = config
        self.simulation = make_simulated_cell(
            config.cell,
            object_set=config.objects,
            seed=config.seed,
            start_tolerance=_DEVIATION,
        )
        cell, physics = self.simulation.cell, self.simulation.physics
        self._stack = contextlib.ExitStack()
        self._is_ending = threading.Event()
        with contextlib.ExitStack() as stack:  # leaves nothing behind when something fails
            stack.enter_context(self.simulation)
            self.controller = UrController(cell.arm, physics, is_e_series=config.is_e_series)
            self.record = MotionRecord(cell.config)
            self.controller.watch = self.record.add
            self.robot = UrServer(self.controller, config.host)
            self.firmware = VirtualRobotiq(cell.gripper)
            self.gripper = VirtualUrcapServer(self.firmware, GRIPPER_PORT, host=config.host)
            self.modbus = VirtualModbusSlave(self.firmware) if config.has_modbus else None
            mirror = MirrorCamera(
                self.simulation, load_camera(cell.config), config.objects, config.seed
            )
            stack.callback(mirror.disconnect)
            self.camera = FrameServer(mirror, CAMERA_PORT, config.camera_rate, host=config.host)
            orders = make_orders(
                self.controller, self.robot, self.firmware, self.gripper, self.camera
            )
            orders["objects"] = Order(
                "report the true poses of the objects", lambda _: self._tell()
            )
            orders["motion"] = Order(
                "report the arm's true motion so far beside the limits, as JSON",
                lambda _: json.dumps([dataclasses.asdict(row) for row in self.record.rows()]),
            )
            self.orders = CommandServer(orders, config.host, ORDER_PORT)
            self._stack = stack.pop_all()

    def __enter__(self) -> "VirtualCell":
        sys.setswitchinterval(_SWITCH_INTERVAL)
        with contextlib.ExitStack() as stack:
            stack.push(self._stack)
            self._fill_tray()
            for server in (self.robot, self.gripper, self.camera, self.modbus):
                if server is not None:
                    stack.enter_context(server)
            stack.enter_context(self.orders)
            attendant = threading.Thread(target=self._attend, name="attendant", daemon=True)
            attendant.start()
            stack.callback(attendant.join)
            stack.callback(self._is_ending.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def addresses(self) -> list[str]:
        """Return lines for people: where everything is, and how to start the graph against it."""
        host = self.config.host
        kind = "e-Series, 500 Hz" if self.config.is_e_series else "CB3, 125 Hz"
        camera = self.camera.source
        options = f"--robot-ip {host} --camera-source {camera}"
        return [
            f"UR5 ({kind})   {host}: dashboard 29999, script 30002 and 30003, RTDE 30004",
            f"2F-85           {host}:{self.gripper.port}"
            + (f", Modbus RTU at {self.modbus.device}" if self.modbus else ""),
            f"depth camera    {camera}, {self.config.camera_rate:g} Hz",
            f"orders          {host}:{self.orders.port}: equigrasp virtual order --host {host}",
            "",
            f"equigrasp doctor --cell {self.config.cell} {options}",
            f"equigrasp up ur5 --cell {self.config.cell} {options} --out results/virtual_ur5",
        ]

    def _tell(self) -> str:
        """Return handle, name and position in base [m] of every object, as JSON."""
        objects = self.simulation.world.objects()
        return json.dumps([[o.handle, o.name, o.pose.position.tolist()] for o in objects])

    def _fill_tray(self) -> None:
        world, config = self.simulation.world, self.config
        rng = np.random.default_rng([config.seed, SceneStream.OBJECTS])
        drawn = world.object_set.draw(config.split, config.num_objects, rng)
        world.spawn_objects(drawn, self.simulation.cell.config.workspaces[0])

    def _attend(self) -> None:
        while not self._is_ending.wait(_ATTENDANT_PERIOD):
            attend(self.simulation.world, self.simulation.cell.config.workspaces)
