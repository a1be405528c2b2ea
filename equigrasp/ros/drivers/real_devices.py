"""Real devices of a cell, made from the parameters of the driver node that wraps them."""

from dataclasses import dataclass

from rclpy.node import Node

from equigrasp.devices.arm import Arm
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import CellConfig, GripperConfig
from equigrasp.devices.gripper import Gripper
from equigrasp.hardware import registry
from equigrasp.ros.runtime.parameters import declare, parameter

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


def arm_of(node: Node) -> tuple[Arm, CellConfig]:
    """Return the arm that a node's parameters name, and its cell.

    Raises:
        ConfigError: if a name or value is unknown or invalid.
    """
    wanted = declare(node, ArmParameters)
    cell = load_cell(wanted.cell)
    return registry.make_arm(cell, {"host": wanted.host}), cell


def gripper_of(node: Node) -> tuple[Gripper, GripperConfig]:
    """Return the gripper that a node's parameters name, and its description; see `arm_of`."""
    wanted = declare(node, GripperParameters)
    cell = load_cell(wanted.cell)
    overrides = {"host": wanted.host, "device": wanted.device}
    gripper = registry.make_gripper(cell, overrides, wanted.driver)
    return gripper, cell.load_gripper()


def camera_of(node: Node, name: str) -> tuple[Camera, str]:
    """Return a camera of the cell that a node's parameters name, and the cell's name; see `arm_of`."""
    wanted = declare(node, CameraParameters)
    overrides = {"source": wanted.source, "serial": wanted.serial}
    return registry.make_camera(load_cell(wanted.cell), overrides, name), wanted.cell
