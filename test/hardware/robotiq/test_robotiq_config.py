"""Configuration of the driver: what is declared arrives."""

import dataclasses
from typing import Any

import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import GripperConfig
from equigrasp.errors import ConfigError, NotConnectedError
from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.make import make_link
from equigrasp.hardware.robotiq.modbus_link import ModbusLink
from equigrasp.hardware.robotiq.urcap_link import UrcapLink

URCAP = RobotiqConfig("urcap", host="localhost")
MODBUS = RobotiqConfig("modbus", device="/dev/ttyUSB0")


@pytest.mark.parametrize("name", ["robotiq_urcap", "robotiq_modbus"])
def test_shipped_configurations_make_a_gripper(name: str, gripper_config: GripperConfig) -> None:
    config = load_config(RobotiqConfig, "gripper_drivers", name)
    gripper = RobotiqGripper(gripper_config, config, make_link(config))
    assert gripper.limits.stroke == 0.085
    with pytest.raises(NotConnectedError):
        gripper.state()


def test_the_transport_chooses_the_link() -> None:
    assert isinstance(make_link(URCAP), UrcapLink)
    assert isinstance(make_link(MODBUS), ModbusLink)


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        (URCAP, "host", "10.1.2.3"),
        (URCAP, "port", 1234),
        (URCAP, "answer_timeout", 0.5),
        (MODBUS, "device", "/dev/ttyS7"),
        (MODBUS, "answer_timeout", 0.5),
    ],
)
def test_each_key_reaches_its_link(config: RobotiqConfig, key: str, value: Any) -> None:
    link = make_link(dataclasses.replace(config, **{key: value}))
    assert value in vars(link).values()
    assert value not in vars(make_link(config)).values()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"transport": "urcap"}, "transport 'urcap' needs a host"),
        ({"transport": "modbus", "host": "x"}, "transport 'modbus' needs a device"),
        ({"transport": "urcap", "host": "x", "port": 0}, r"port must be in \[1, 65535\], found 0"),
        ({"transport": "urcap", "host": "x", "open_counts": 240}, "found 240 and 230"),
        ({"transport": "urcap", "host": "x", "closed_counts": 256}, "found 3 and 256"),
        ({"transport": "urcap", "host": "x", "answer_timeout": 0.0}, "answer_timeout must be"),
        ({"transport": "urcap", "host": "x", "activation_timeout": -1.0}, "activation_timeout"),
    ],
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RobotiqConfig(**values)
