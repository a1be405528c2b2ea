"""Real devices of a cell, made from the parameters of the driver node that wraps them."""

from collections.abc import Callable
from dataclasses import dataclass

from equigrasp.devices.arm import Arm
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import CellConfig, GripperConfig
from equigrasp.devices.clock import Clock, WallClock
from equigrasp.devices.gripper import Gripper
from equigrasp.hardware import registry
from equigrasp.ros.runtime.managed_node import ManagedNode
from equigrasp.ros.runtime.parameters import parameter

_CELL = "Cell: a name below config/cells, or a YAML file."


@dataclass(frozen=True)
class ArmParameters:
    """Which arm, and what differs from its driver's file."""

    cell: str = parameter("ur5", _CELL)
    host: str = parameter(
        "", "Address of the robot's controller; empty: as the driver's file says."
    )


@dataclass(frozen=True)
class GripperParameters:
    """Which gripper, and what differs from its driver's file."""

    cell: str = parameter("ur5", _CELL)
    driver: str = parameter(
        "", "Driver: a name below config/gripper_drivers, or a YAML file; empty: the cell's."
    )
    host: str = parameter("", "Address of the URCap's server; empty: as the driver's file says.")
    device: str = parameter("", "Serial port of Modbus; empty: as the driver's file says.")


@dataclass(frozen=True)
class CameraParameters:
    """Which camera, and what differs from its driver's file."""

    cell: str = parameter("ur5", _CELL)
    source: str = parameter(
        "", "device, bag:<file> or tcp://<host>:<port>; empty: as the driver's file says."
    )
    serial: str = parameter("", "Serial number of the camera; empty: as the driver's file says.")


def arm_of(node: ManagedNode) -> Callable[[], tuple[Arm, CellConfig, Clock]]:
    """Return what makes the arm that a node's parameters name, as they are then, its cell and clock.

    Raises:
        ConfigError: there and here, if a name or value is unknown or invalid.
    """
    parameters = node.declare(ArmParameters)

    def make() -> tuple[Arm, CellConfig, Clock]:
        wanted = parameters.values
        cell = load_cell(wanted.cell)
        return registry.make_arm(cell, {"host": wanted.host}), cell, WallClock()

    return make


def gripper_of(node: ManagedNode) -> Callable[[], tuple[Gripper, GripperConfig]]:
    """Return what makes the gripper that a node's parameters name, and its description; see `arm_of`."""
    parameters = node.declare(GripperParameters)

    def make() -> tuple[Gripper, GripperConfig]:
        wanted = parameters.values
        cell = load_cell(wanted.cell)
        overrides = {"host": wanted.host, "device": wanted.device}
        return registry.make_gripper(cell, overrides, wanted.driver), cell.load_gripper()

    return make


def camera_of(node: ManagedNode) -> Callable[[str], tuple[Camera, str]]:
    """Return what makes a camera, by its name, of the cell that a node's parameters name; see `arm_of`.

    With it comes the name of the cell.
    """
    parameters = node.declare(CameraParameters)

    def make(name: str) -> tuple[Camera, str]:
        wanted = parameters.values
        overrides = {"source": wanted.source, "serial": wanted.serial}
        return registry.make_camera(load_cell(wanted.cell), overrides, name), wanted.cell

    return make
