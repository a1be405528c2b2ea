"""The simulation that stands in for the hardware: one world, three driver nodes, /clock."""

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from equigrasp_interfaces.srv import GetObjects, ResetWorld, SpawnObjects
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMsg

from equigrasp.devices.arm import Arm
from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import OVERHEAD, CellConfig, GripperConfig
from equigrasp.devices.clock import Clock
from equigrasp.devices.gripper import Gripper
from equigrasp.environments.open_loop_grasp import attend
from equigrasp.errors import ConfigError, DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.workspace import Workspace
from equigrasp.ros import names, qos
from equigrasp.ros.drivers.arm_node import ArmNode
from equigrasp.ros.drivers.camera_node import CameraNode
from equigrasp.ros.drivers.gripper_node import GripperNode
from equigrasp.ros.messages.times import to_time
from equigrasp.ros.messages.transforms import to_pose_msg
from equigrasp.ros.runtime.health import Health, Level
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter
from equigrasp.seeding import SceneStream
from equigrasp.simulation.layouts import LayoutError, lay_out
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.physics import TIME_STEP

_STEPS_A_TICK = 12  # physics steps between two /clock messages
_ATTENDANT_PERIOD = 1.0  # [s, wall clock] between looks for objects beside the trays
_SWITCH_INTERVAL = 2e-4  # [s] the physics thread gives way to the drivers at least this often
_SLOW = 0.5  # share of the wanted real-time factor below which the simulation is slow
_HALT_TIMEOUT = 5.0  # [s]
_MAX_FACTOR = 10.0  # fastest real-time factor; see `_start_time`


@dataclass(frozen=True)
class SimBridgeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    objects: str = parameter("household", "Object set: household, random_urdfs, or a folder.")
    split: str = parameter("train", "Part of the object set: train, test or all.")
    num_objects: int = parameter(15, "Objects in the first tray.", 0, 60)
    seed: int = parameter(0, "Seed of the objects and their drop.", 0, 2**62)
    real_time_factor: float = parameter(
        1.0, "Simulated seconds per second; 0: as fast as it can.", 0.0, _MAX_FACTOR
    )
    holds_board: bool = parameter(
        False,
        "Whether the gripper holds the calibration board, and the camera is a little off, by seed.",
    )
    has_attendant: bool = parameter(True, "Put objects that fall beside the trays back in.")


class SimBridgeNode(ManagedNode):
    """Steps the world in a thread of its own and offers scene services.

    Cleaning up frees the world. Configuring makes another one, with the parameters of then, and has the
    drivers that stand on it set up anew.
    """

    def __init__(self) -> None:
        super().__init__(names.SIM_BRIDGE)
        self._settings = self.declare(SimBridgeConfig)
        self._config = self._settings.values
        self.drivers: Sequence[ManagedNode] = ()
        self.simulation = _simulate(self._config)
        self._halted = threading.Event()
        self._thread: threading.Thread | None = None
        self._factor = 0.0
        self.report_health_with(self._health)

    def _health(self) -> Health:
        wanted, values = self._config.real_time_factor, {"real-time factor": f"{self._factor:.2f}"}
        if self.is_active and 0.0 < self._factor < _SLOW * wanted:
            text = f"{self._factor:.2f} simulated seconds pass a second; {wanted} are wanted"
            return Health(Level.WARN, text, values)
        return Health(values=values)

    def living(self) -> SimulatedCell:
        """Return the simulation; raise `NotConnectedError` while there is none."""
        if self.simulation.physics.is_closed:
            raise NotConnectedError(f"No simulation: configure '{names.SIM_BRIDGE}' first.")
        return self.simulation

    def set_up(self) -> None:
        """Fill the first tray and offer the services."""
        if self.simulation.physics.is_closed or self._config != self._settings.values:
            self.simulation.physics.close()
            self._config = self._settings.values
            self.simulation = _simulate(self._config)
        self._clock_publisher = self.create_publisher(ClockMsg, names.CLOCK, qos.reliable(1))
        self._scene_services = [
            self.create_service(ResetWorld, names.RESET_WORLD, self._reset, callback_group=self.callbacks),
            self.create_service(SpawnObjects, names.SPAWN_OBJECTS, self._spawn, callback_group=self.callbacks),
            self.create_service(GetObjects, names.GET_OBJECTS, self._get_objects, callback_group=self.callbacks),
        ]  # fmt: skip
        world, config = self.simulation.world, self._config
        if config.num_objects and not config.holds_board:
            rng = np.random.default_rng([config.seed, SceneStream.OBJECTS])
            drawn = world.object_set.draw(config.split, config.num_objects, rng)
            world.spawn_objects(drawn, self.simulation.cell.config.workspaces[0])
        for driver in self.drivers:
            driver.set_up_anew()

    def start(self) -> None:
        """Let time pass."""
        self._halted = threading.Event()
        self._thread = threading.Thread(
            target=self._step_world, args=[self._halted], name="physics", daemon=True
        )
        self._thread.start()

    def halt(self) -> None:
        """Let time stand still; raise `DeviceTimeoutError` if it does not."""
        self._halted.set()
        if self._thread is not None:
            self._thread.join(timeout=_HALT_TIMEOUT)
            if self._thread.is_alive():
                raise DeviceTimeoutError(f"The simulation did not halt in {_HALT_TIMEOUT} s.")
            self._thread = None

    def tear_down(self) -> None:
        """Free the engine; its devices are no longer there."""
        cell = self.simulation.cell
        cell.arm.disconnect()
        cell.gripper.disconnect()
        for camera in cell.cameras.values():
            camera.disconnect()
        self.simulation.physics.close()

    def _step_world(self, halted: threading.Event) -> None:
        physics, factor = self.simulation.physics, self._config.real_time_factor
        tick = _STEPS_A_TICK * TIME_STEP
        began, began_sim = time.monotonic(), physics.now()
        next_look = began + _ATTENDANT_PERIOD
        while not halted.is_set():
            for _ in range(_STEPS_A_TICK):
                physics.step()
            self._clock_publisher.publish(ClockMsg(clock=to_time(physics.now())))
            now = time.monotonic()
            if self._config.has_attendant and now > next_look:
                attend(self.simulation.world, self.simulation.cell.config.workspaces)
                next_look = time.monotonic() + _ATTENDANT_PERIOD
            passed = physics.now() - began_sim
            ahead = (
                passed / factor - (now - began) if factor else passed / _MAX_FACTOR - (now - began)
            )
            if ahead < -1.0 or now - began > 10.0:  # do not race to make up for a stall
                self._factor = passed / max(1e-6, now - began)
                began, began_sim = now, physics.now()
            elif ahead > 0.0:
                time.sleep(min(ahead, tick))
            else:
                time.sleep(0.0)  # lets the driver threads in

    def _reset(
        self, request: ResetWorld.Request, response: ResetWorld.Response
    ) -> ResetWorld.Response:
        self.simulation.world.reset(request.seed)
        return response

    def _spawn(
        self, request: SpawnObjects.Request, response: SpawnObjects.Response
    ) -> SpawnObjects.Response:
        from equigrasp.simulation.object_sets.registry import make_object_set

        try:
            workspace = self.simulation.cell.config.workspace(request.workspace)
        except ConfigError as error:
            response.error_code = SpawnObjects.Response.UNKNOWN_WORKSPACE
            response.error_msg = str(error)
            return response
        world = self.simulation.world
        try:
            with self.simulation.physics.lock:
                if request.layout:
                    response.names = self._lay_out(request, workspace)
                    return response
                if request.object_set:
                    world.object_set = make_object_set(request.object_set)
                rng = np.random.default_rng(request.seed)
                response.names = world.object_set.draw(request.split, request.num_objects, rng)
                world.spawn_objects(response.names, workspace)
        except LayoutError as error:
            response.error_code = SpawnObjects.Response.UNKNOWN_LAYOUT
            response.error_msg = str(error)
        except ConfigError as error:
            response.error_code = SpawnObjects.Response.UNKNOWN_OBJECT_SET
            response.error_msg = str(error)
        return response

    def _lay_out(self, request: SpawnObjects.Request, workspace: Workspace) -> list[str]:
        """Empty the world and lay out what is asked for; return the names of the shapes."""
        from equigrasp.simulation.object_sets.registry import make_object_set

        wanted = request.object_set
        objects = make_object_set(wanted) if wanted else None
        return lay_out(
            self.simulation, workspace, request.layout, objects, request.split,
            request.num_objects, request.seed,
        )  # fmt: skip

    def _get_objects(
        self, request: GetObjects.Request, response: GetObjects.Response
    ) -> GetObjects.Response:
        objects = self.simulation.world.objects()
        response.handles = [o.handle for o in objects]
        response.names = [o.name for o in objects]
        response.poses = [to_pose_msg(o.pose) for o in objects]
        return response


def _simulate(config: SimBridgeConfig) -> SimulatedCell:
    """Return the cell as configured, or as calibration finds it: camera off, board in the gripper."""
    if config.holds_board:
        from equigrasp.calibration.board import BoardConfig
        from equigrasp.calibration.simulated.displaced_cell import displace, make_hand_eye_cell

        simulation = make_hand_eye_cell(
            *displace(config.cell, config.seed), BoardConfig(), config.seed, is_mirrored=True
        )
    else:
        simulation = make_simulated_cell(config.cell, object_set=config.objects, seed=config.seed)
    simulation.physics.start_time = _start_time()
    return simulation


def _start_time() -> float:
    """Return where simulated time begins [s].

    A bridge that is restarted must not turn the clock back, or waits for "an image newer than
    now" would never end. Ten times the time since the machine was started is ahead of any world that
    ran up to ten times as fast as real time, and no setting of its clock changes that. It fits into a
    stamp for 6.8 years.
    """
    return time.monotonic() * _MAX_FACTOR


def make_nodes() -> list[ManagedNode]:
    """Return the bridge and the driver nodes on its devices, all on simulated time."""
    bridge = SimBridgeNode()

    def arm() -> tuple[Arm, CellConfig, Clock]:
        simulation = bridge.living()
        return simulation.cell.arm, simulation.cell.config, simulation.physics

    def gripper() -> tuple[Gripper, GripperConfig]:
        cell = bridge.living().cell
        return cell.gripper, cell.gripper_config

    def camera(name: str) -> tuple[Camera, str]:
        cameras = bridge.living().cell.cameras
        if name not in cameras:
            raise ConfigError(f"There is no camera '{name}'; there are {', '.join(cameras)}.")
        return cameras[name], ""

    cameras = [CameraNode(source=camera, name=name) for name in bridge.living().cell.cameras]
    for name, node in zip(bridge.living().cell.cameras, cameras, strict=True):
        node.set_parameters([Parameter("use_sim_time", value=True)])  # frames a simulated second
        node.set_parameters([Parameter("is_on_demand", value=name != OVERHEAD)])
    bridge.drivers = [ArmNode(source=arm), GripperNode(source=gripper), *cameras]
    return [bridge, *bridge.drivers]


def main() -> None:
    """Run the bridge with its drivers."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
    run(make_nodes, num_threads=4)


if __name__ == "__main__":
    main()
