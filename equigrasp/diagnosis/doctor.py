"""Check the machine, the installation and the configuration."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from equigrasp.config import is_config_file, load_config
from equigrasp.devices.calibration import Calibration
from equigrasp.devices.cell import ArmConfig, CameraConfig, CellConfig, GripperConfig
from equigrasp.devices.finding import Finding
from equigrasp.devices.robot_description import assemble
from equigrasp.devices.safety import SafetyLimits
from equigrasp.diagnosis.environment import remedy_for
from equigrasp.errors import EquigraspError
from equigrasp.hardware.registry import DRIVERS, load_driver
from equigrasp.learning.method_names import known_methods, sizes_of
from equigrasp.methods.registry import load_method
from equigrasp.paths import config_dir

_MIN_DISK = 2.0  # [GB] for logs and weights of a run
_MIN_CORES = 2
_ROS_PACKAGES = {
    "rclpy": "make setup, or source your ROS 2 Jazzy",
    "control_msgs.action": "make setup, or apt install ros-jazzy-control-msgs",
    "equigrasp_interfaces.action": "make setup, or build ros2_ws with colcon and source it",
}
_PACKAGES = {
    "torch": "make setup",
    "escnn": "make setup",
    "pybullet": "make setup",
    "pinocchio": "make setup",
    "ompl": "make setup",
    "toppra": "make setup",
    "cv2": "make setup",
    "minimalmodbus": "make setup",
}
_KINDS = {
    "arms": ArmConfig,
    "grippers": GripperConfig,
    "cameras": CameraConfig,
    "safety": SafetyLimits,
    "cells": CellConfig,
    "calibrations": Calibration,
}


def examine(can_ros_start: bool) -> list[Finding]:
    """Return a finding for everything that a run needs.

    Args:
        can_ros_start: Whether ROS may be imported: one that cannot start may end this process.
    """
    packages = _PACKAGES | (_ROS_PACKAGES if can_ros_start else {})
    return [*_machine(), *(_package(n, r) for n, r in packages.items()), *_configurations()]


def _machine() -> list[Finding]:
    version = sys.version_info[:2]
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    cores = len(os.sched_getaffinity(0))
    return [
        Finding(
            f"Python {version[0]}.{version[1]}",
            (3, 11) <= version <= (3, 13),
            "use Python 3.11 to 3.13: make PYTHON=python3.11 setup",
        ),
        Finding(f"{cores} CPU cores", cores >= _MIN_CORES, f"use {_MIN_CORES} cores or more"),
        Finding(f"{free:.0f} GB free here", free >= _MIN_DISK, "free some disk space"),
    ]


def _package(name: str, remedy: str) -> Finding:
    try:
        importlib.import_module(name)
    except Exception as error:  # a package of another Python, or of the same name
        what = f"package {name}: {type(error).__name__}: {error}"
        return Finding(what, False, remedy_for(name, remedy))
    return Finding(f"package {name}", True)


def _configurations() -> list[Finding]:
    findings = []
    for kind, cls in _KINDS.items():
        findings += [_configuration(kind, path, cls) for path in _files(kind)]
    for kind in DRIVERS:
        findings += _loadable(kind, partial(load_driver, kind, overrides={}))
    names = [f"{method}:{size}" for method in known_methods() for size in sizes_of(method)]
    return findings + [_loads("methods", name, load_method, "config/methods") for name in names]


def _loadable(kind: str, load: Callable[[str], object]) -> list[Finding]:
    return [_loads(kind, path.stem, load, str(path)) for path in _files(kind)]


def _loads(kind: str, name: str, load: Callable[[str], object], where: str) -> Finding:
    what = f"configuration {kind}/{name}"
    try:
        load(name)
        return Finding(what, True)
    except (EquigraspError, ImportError) as error:
        return Finding(f"{what}: {error}", False, f"correct {where}")


def _files(kind: str) -> list[Path]:
    return sorted(p for p in (config_dir() / kind).glob("*.*") if is_config_file(p.name))


def _configuration(kind: str, path: Path, cls: type) -> Finding:
    name = f"{kind}/{path.stem}"
    try:
        config: object = load_config(cls, kind, str(path))
        if isinstance(config, CellConfig):
            assemble(config.load_arm(), config.load_gripper())
    except (EquigraspError, OSError) as error:
        return Finding(f"configuration {name}: {error}", False, f"correct {path}")
    return Finding(f"configuration {name}", True)
