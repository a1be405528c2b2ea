"""A cell's drivers: named in its file, imported on use, overridden from outside."""

import dataclasses
from pathlib import Path

import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.errors import ConfigError
from equigrasp.hardware.registry import DRIVERS, load_driver, make_arm, make_gripper
from equigrasp.hardware.robotiq.modbus_link import ModbusLink
from equigrasp.paths import config_dir

FILES = [(kind, p.stem) for kind in DRIVERS for p in (config_dir() / kind).glob("*.yaml")]


@pytest.fixture
def cell() -> CellConfig:
    return load_config(CellConfig, "cells", "ur5")


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_every_shipped_file_is_for_a_known_driver(kind: str, name: str) -> None:
    driver, config = load_driver(kind, name, {})
    assert type(config).__name__ == driver.config.partition(":")[2]


def test_a_cell_names_its_drivers(cell: CellConfig) -> None:
    assert make_arm(cell, {}).joint_names[0] == "shoulder_pan_joint"
    assert make_gripper(cell, {}).joint_names == ("robotiq_85_left_knuckle_joint",)


def test_overrides_replace_the_files_values_unless_they_are_empty() -> None:
    shipped = load_driver("arm_drivers", "ur5_rtde", {"host": ""})[1]
    other = load_driver("arm_drivers", "ur5_rtde", {"host": "10.1.2.3"})[1]
    assert shipped.host == "192.168.1.102" and other.host == "10.1.2.3"
    assert dataclasses.replace(other, host=shipped.host) == shipped
    with pytest.raises(ConfigError, match="unknown key 'hosts'"):
        load_driver("arm_drivers", "ur5_rtde", {"hosts": "10.1.2.3"})


def test_another_gripper_driver_takes_the_place_of_the_cells(cell: CellConfig) -> None:
    gripper = make_gripper(cell, {"device": "/dev/ttyS7"}, "robotiq_modbus")
    link = gripper._protocol._link
    assert isinstance(link, ModbusLink) and "/dev/ttyS7" in vars(link).values()


def test_a_file_may_name_its_driver(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("driver: ur_rtde\nhost: 10.0.0.1\n")
    assert load_driver("arm_drivers", str(mine), {})[1].host == "10.0.0.1"
    mine.write_text("driver: ur_rdte\nhost: 10.0.0.1\n")
    with pytest.raises(ConfigError, match="driver 'ur_rdte' is not one of ur_rtde"):
        load_driver("arm_drivers", str(mine), {})


def test_a_cell_without_a_driver_says_what_to_add(cell: CellConfig) -> None:
    with pytest.raises(ConfigError, match="Cell 'ur5' names no arm_driver: .*config/arm_drivers/"):
        make_arm(dataclasses.replace(cell, arm_driver=""), {})
