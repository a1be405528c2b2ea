"""Put a Robotiq driver together from its configuration."""

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.clock import Clock
from equigrasp.errors import ConfigError
from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.link import Link
from equigrasp.hardware.robotiq.modbus_link import ModbusLink
from equigrasp.hardware.robotiq.urcap_link import UrcapLink


def make_link(config: RobotiqConfig) -> Link:
    """Return the link that a configuration names; nothing is opened yet."""
    if config.transport == "urcap":
        return UrcapLink(config.host, config.port, config.answer_timeout)
    return ModbusLink(config.device, config.answer_timeout)


def make_gripper(cell: CellConfig, clock: Clock | None = None) -> RobotiqGripper:
    """Return the gripper of a cell, not yet connected.

    Args:
        cell: A cell whose `gripper_driver` names a file in `config/gripper_drivers/`.
        clock: Stamps measurements; the wall clock where None.

    Raises:
        ConfigError: if the cell names no driver, or a configuration is unknown or invalid.
    """
    if not cell.gripper_driver:
        raise ConfigError(
            f"Cell '{cell.name}' names no gripper_driver: add the name of a file in config/gripper_drivers/."
        )
    description = cell.load_gripper()
    config = load_config(RobotiqConfig, "gripper_drivers", cell.gripper_driver)
    return RobotiqGripper(description, config, make_link(config), clock)
