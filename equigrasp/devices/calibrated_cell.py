"""A cell as it was measured: whoever loads one has its calibration applied."""

import dataclasses
import logging

from equigrasp.config import load_config
from equigrasp.devices.calibration import Calibration, WorkspaceCalibration, fingerprint
from equigrasp.devices.cell import OVERHEAD, CameraConfig, CellConfig
from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace

_log = logging.getLogger(__name__)


def load_cell(name: str) -> CellConfig:
    """Load a cell with its calibration applied to its trays.

    Args:
        name: Name below `config/cells`, or a YAML file.

    Raises:
        ConfigError: if the cell or its calibration is unknown or invalid.
    """
    cell = load_config(CellConfig, "cells", name)
    if not cell.calibration:
        return cell
    calibration = load_config(Calibration, "calibrations", cell.calibration)
    for warning in disagreements(calibration, cell):
        _log.warning("%s", warning)
    return apply_to_cell(calibration, cell)


def load_camera(cell: CellConfig, name: str = OVERHEAD) -> CameraConfig:
    """Load a camera of a cell, at the place that the cell's calibration found.

    Raises:
        ConfigError: if the cell has no camera of this name, or its file is unknown or invalid.
    """
    if name not in cell.cameras:
        known = ", ".join(cell.cameras)
        raise ConfigError(f"Unknown camera '{name}'. Cameras of cell '{cell.name}': {known}.")
    camera = load_config(CameraConfig, "cameras", cell.cameras[name].config)
    if not cell.calibration:
        return camera
    return apply_to_camera(load_config(Calibration, "calibrations", cell.calibration), camera)


def apply_to_cell(calibration: Calibration, cell: CellConfig) -> CellConfig:
    """Return a cell whose trays are where they were measured.

    Raises:
        ConfigError: if a measured tray is none of the cell's.
    """
    for measured in calibration.workspaces:
        cell.workspace(measured.name)
    measured_by_name = {w.name: w for w in calibration.workspaces}
    workspaces = tuple(_moved(w, measured_by_name.get(w.name)) for w in cell.workspaces)
    return dataclasses.replace(cell, workspaces=workspaces)


def apply_to_camera(calibration: Calibration, camera: CameraConfig) -> CameraConfig:
    """Return a camera that stands where it was measured; another camera stays as it is."""
    found = calibration.camera
    if found is None or found.name != camera.name:
        return camera
    rpy = found.t_base_camera.rotation.as_euler("xyz")
    return dataclasses.replace(
        camera, position=found.position, rpy=(float(rpy[0]), float(rpy[1]), float(rpy[2]))
    )


def disagreements(calibration: Calibration, cell: CellConfig, serial: str = "") -> list[str]:
    """Tell why a calibration may not be this cell's; empty where it fits.

    Args:
        calibration: What is to be used.
        cell: The cell as configured, without the calibration.
        serial: Serial number of the camera that is there; empty: not known.
    """
    found = []
    if calibration.cell != cell.name:
        found.append(f"The calibration is of cell '{calibration.cell}', not of '{cell.name}'.")
    elif calibration.cell_fingerprint != fingerprint(cell):
        found.append(
            f"Cell '{cell.name}' has changed since its calibration: arm, gripper, camera or trays "
            "are configured otherwise. Calibrate again."
        )
    camera = calibration.camera
    if camera is not None and camera.name != (named := cell.cameras[OVERHEAD].config):
        found.append(f"The calibration is of camera '{camera.name}', not of '{named}'.")
    if camera is not None and serial and camera.serial and serial != camera.serial:
        found.append(
            f"The calibration is of the camera with serial number {camera.serial}; "
            f"{serial} is connected. Calibrate again."
        )
    return found


def camera_disagreements(cell_name: str, serial: str) -> list[str]:
    """Tell why the calibration of a named cell may not be of the camera with this serial number."""
    cell = load_config(CellConfig, "cells", cell_name)
    if not cell.calibration:
        return []
    calibration = load_config(Calibration, "calibrations", cell.calibration)
    return disagreements(calibration, cell, serial)


def _moved(workspace: Workspace, found: WorkspaceCalibration | None) -> Workspace:
    if found is None:
        return workspace
    rise = found.floor_z - workspace.floor_z
    return dataclasses.replace(
        workspace,
        center_x=found.center_x,
        center_y=found.center_y,
        floor_z=found.floor_z,
        ceiling_z=workspace.ceiling_z + rise,
    )
