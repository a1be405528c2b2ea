"""Drivers of real devices, named as strings and imported when one is wanted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from equigrasp.config import find_config, from_mapping, read_yaml
from equigrasp.devices.arm import Arm
from equigrasp.devices.calibrated_cell import load_camera
from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import OVERHEAD, CellConfig
from equigrasp.devices.finding import Finding
from equigrasp.devices.gripper import Gripper
from equigrasp.errors import ConfigError
from equigrasp.registry import import_from


@dataclass(frozen=True)
class Driver:
    """One kind of driver.

    Args:
        config: `module:class` of its settings.
        device: `module:function or class` that makes the device from the cell's description of it
            and the settings; an arm also from the cell, whose box it holds.
        check: `module:function` that yields findings about the real device, from the same two;
            it moves nothing.
    """

    config: str
    device: str
    check: str


# By folder below config/ and by the key `driver` of a file there; a file without that key is for
# the first.
DRIVERS: dict[str, dict[str, Driver]] = {
    "arm_drivers": {
        "ur_rtde": Driver(
            "equigrasp.hardware.ur.ur_config:UrConfig",
            "equigrasp.hardware.ur.ur_arm:UrArm",
            "equigrasp.hardware.ur.ur_checks:check_ur",
        ),
    },
    "gripper_drivers": {
        "robotiq": Driver(
            "equigrasp.hardware.robotiq.config:RobotiqConfig",
            "equigrasp.hardware.robotiq.make:make_robotiq",
            "equigrasp.hardware.robotiq.checks:check_robotiq",
        ),
    },
    "camera_drivers": {
        "realsense": Driver(
            "equigrasp.hardware.realsense.config:RealSenseConfig",
            "equigrasp.hardware.realsense.camera:RealSenseCamera",
            "equigrasp.hardware.realsense.checks:check_realsense",
        ),
    },
}


def make_arm(cell: CellConfig, overrides: Mapping[str, Any]) -> Arm:
    """Return the arm of a cell, not yet connected.

    Args:
        cell: Names description and driver.
        overrides: Settings that replace those of the driver's file; empty values replace nothing.

    Raises:
        ConfigError: if the cell names no driver, or a configuration is unknown or invalid.
        ImportError: if a vendor's library is missing.
    """
    description = cell.load_arm()
    device: Arm = _make("arm_drivers", cell, cell.arm_driver, overrides, description, cell)
    return device


def make_gripper(cell: CellConfig, overrides: Mapping[str, Any], driver: str = "") -> Gripper:
    """Return the gripper of a cell, behind its own driver or another; see `make_arm`."""
    description = cell.load_gripper()
    device: Gripper = _make(
        "gripper_drivers", cell, driver or cell.gripper_driver, overrides, description
    )
    return device


def make_camera(cell: CellConfig, overrides: Mapping[str, Any], name: str = OVERHEAD) -> Camera:
    """Return a camera of a cell by its name in it; see `make_arm`."""
    description = load_camera(cell, name)
    driver = cell.cameras[name].driver
    device: Camera = _make("camera_drivers", cell, driver, overrides, description)
    return device


def examine_device(
    kind: str, name: str, description: Any, overrides: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield what there is to say about a real device; nothing moves.

    Args:
        kind: Folder below config/, as `arm_drivers`.
        name: Name of the driver's file there.
        description: The cell's description of the device.
        overrides: See `make_arm`.
    """
    driver, config = load_driver(kind, name, overrides)
    yield from import_from(driver.check)(description, config)


def load_driver(kind: str, name: str, overrides: Mapping[str, Any]) -> tuple[Driver, Any]:
    """Return a driver and its settings, from `config/<kind>/<name>.yaml` and `overrides`.

    Raises:
        ConfigError: if a name, key or value is unknown or invalid.
    """
    path = find_config(kind, name)
    values = read_yaml(path)
    drivers = DRIVERS[kind]
    driver = str(values.pop("driver", next(iter(drivers))))
    if driver not in drivers:
        raise ConfigError(f"{path}: driver '{driver}' is not one of {', '.join(drivers)}.")
    config_class = import_from(drivers[driver].config)
    values |= {key: value for key, value in overrides.items() if value != ""}
    return drivers[driver], from_mapping(config_class, values, str(path))


def _make(
    kind: str,
    cell: CellConfig,
    name: str,
    overrides: Mapping[str, Any],
    description: Any,
    *more: Any,
) -> Any:
    if not name:
        key = kind.removesuffix("s")
        raise ConfigError(
            f"Cell '{cell.name}' names no {key}: add the name of a file in config/{kind}/."
        )
    driver, config = load_driver(kind, name, overrides)
    return import_from(driver.device)(description, config, *more)
