"""Check a real robot cell step by step; nothing moves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from equigrasp.devices.calibrated_cell import load_camera, load_cell
from equigrasp.devices.cell import OVERHEAD, CellConfig
from equigrasp.devices.finding import Finding
from equigrasp.errors import EquigraspError
from equigrasp.hardware.registry import examine_device


@dataclass(frozen=True)
class CellToExamine:
    """A cell by name, and what differs from its drivers' files; empty: nothing."""

    cell: str
    robot_ip: str = ""
    gripper_driver: str = ""
    gripper_host: str = ""
    gripper_device: str = ""
    camera_source: str = ""
    camera_serial: str = ""


def examine_cell(wanted: CellToExamine) -> Iterator[Finding]:
    """Yield a finding for each step: arm, gripper, camera."""
    try:
        cell = load_cell(wanted.cell)
        arm = cell.load_arm()
        gripper = cell.load_gripper()
        camera = load_camera(cell)
    except EquigraspError as error:
        yield Finding(str(error), False, "correct the file, or name another cell")
        return
    if cell.arm_driver:
        yield from _examine("arm_drivers", cell.arm_driver, arm, {"host": wanted.robot_ip})
    else:
        yield Finding(
            f"arm '{arm.name}' is driven by its vendor's ROS driver: not looked at", True
        )
    yield from _examine(
        "gripper_drivers",
        wanted.gripper_driver or cell.gripper_driver,
        gripper,
        {"host": wanted.gripper_host or wanted.robot_ip, "device": wanted.gripper_device},
    )
    yield from _examine(
        "camera_drivers",
        cell.cameras[OVERHEAD].driver,
        camera,
        {"source": wanted.camera_source, "serial": wanted.camera_serial},
    )
    yield _calibration(cell, is_virtual=wanted.camera_source.startswith("tcp://"))


def _examine(
    kind: str, name: str, description: Any, overrides: Mapping[str, Any]
) -> Iterator[Finding]:
    try:
        yield from examine_device(kind, name, description, overrides)
    except (EquigraspError, ImportError) as error:
        yield Finding(str(error), False, f"name a working file of config/{kind}/ in the cell")


def _calibration(cell: CellConfig, is_virtual: bool) -> Finding:
    if cell.calibration:  # it was found and applied as the cell was loaded
        return Finding(f"calibration '{cell.calibration}'", True)
    return Finding(
        f"cell '{cell.name}' names no calibration: camera and trays count as where its files say",
        is_virtual,  # there they are
        "equigrasp calibrate, and name its file in the cell (docs/hardware/calibration.md)",
    )
