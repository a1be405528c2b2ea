"""Put a Robotiq driver together from its configuration."""

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.clock import Clock
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


def make_robotiq(
    description: GripperConfig, config: RobotiqConfig, clock: Clock | None = None
) -> RobotiqGripper:
    """Return a gripper, not yet connected; see `RobotiqGripper`."""
    return RobotiqGripper(description, config, make_link(config), clock)
