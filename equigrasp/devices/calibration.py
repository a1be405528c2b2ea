"""What `equigrasp calibrate` found about a cell, kept as YAML, and how a cell takes it over."""

import dataclasses
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from equigrasp.config import from_mapping, load_config, read_yaml, to_mapping
from equigrasp.devices.cell import CameraConfig, CellConfig
from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace

_HEAD = """# Calibration of cell '{cell}', written by `equigrasp calibrate`; docs/hardware/calibration.md explains the keys.
# It is used by a cell whose YAML file says `calibration: {name}`.
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraCalibration:
    """Where the camera is, from `calibrate hand-eye`.

    Args:
        name: The camera.
        position: Optical centre in base [m].
        quat_xyzw: Orientation of the optical frame in base.
        date: When (ISO 8601, UTC).
        verdict: `good` or `usable`.
        num_poses: How many poses it rests on.
        rms_px: Reprojection error over these poses.
        held_out_px: The same where each pose is predicted from the others.
        held_out_mm: That, at the board's distance.
        held_out_deg: Angle between the board as predicted and as seen.
        position_std_mm: Standard deviation of the position.
        rotation_std_deg: Standard deviation of the orientation.
        board_scale: Board's size against the arm's motion; 1 where both agree.
        board: Which board.
        serial: Serial number of the camera; empty: not known.
        dropped: Poses that were left out.
        correction: What `calibrate table` changed since; empty: nothing.
    """

    name: str
    position: tuple[float, float, float]
    quat_xyzw: tuple[float, float, float, float]
    date: str
    verdict: str
    num_poses: int
    rms_px: float
    held_out_px: float
    held_out_mm: float
    held_out_deg: float
    position_std_mm: float
    rotation_std_deg: float
    board_scale: float
    board: str
    serial: str = ""
    dropped: tuple[str, ...] = ()
    correction: str = ""

    @property
    def t_base_camera(self) -> Transform:
        """Pose of the optical frame in base."""
        return Transform(np.array(self.position), np.array(self.quat_xyzw))

    def __post_init__(self) -> None:
        length = float(np.linalg.norm(self.quat_xyzw))
        if not (np.isfinite(self.position).all() and abs(length - 1.0) < 1e-3):
            raise ConfigError(
                f"Not a camera pose: position {self.position}, quat_xyzw {self.quat_xyzw} "
                f"of length {length:.4f} (must be 1)."
            )


@dataclass(frozen=True)
class WorkspaceCalibration:
    """Where a tray is, from `calibrate workspace` or the floor from `calibrate table`.

    Args:
        name: The workspace.
        center_x: Centre along base x [m].
        center_y: Centre along base y [m].
        floor_z: Height of the inner floor [m].
        date: When (ISO 8601, UTC).
        source: How: `touched`, `seen`, or `floor` where only the height was measured.
        yaw_deg: Turn of the tray, which the axis-parallel workspace leaves out.
        residual_mm: Largest distance of a corner from the fitted square.
    """

    name: str
    center_x: float
    center_y: float
    floor_z: float
    date: str
    source: str
    yaw_deg: float = 0.0
    residual_mm: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """A calibration file.

    Args:
        cell: Name of the cell.
        cell_fingerprint: Of the cell's parts and trays as configured then; see `fingerprint`.
        camera: Pose of the camera; absent: as configured.
        workspaces: Trays that were measured; the others are as configured.
    """

    cell: str
    cell_fingerprint: str
    camera: CameraCalibration | None = None
    workspaces: tuple[WorkspaceCalibration, ...] = ()

    def with_workspace(self, found: WorkspaceCalibration) -> "Calibration":
        """Return a copy in which one tray is as found."""
        others = tuple(w for w in self.workspaces if w.name != found.name)
        return dataclasses.replace(self, workspaces=(*others, found))


def fingerprint(cell: CellConfig) -> str:
    """Return a short hash of what a calibration belongs to: arm, gripper, camera and trays."""
    parts = [cell.arm, cell.gripper, cell.camera, [to_mapping(w) for w in cell.workspaces]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


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


def load_camera(cell: CellConfig) -> CameraConfig:
    """Load the camera of a cell, at the place that the cell's calibration found."""
    camera = load_config(CameraConfig, "cameras", cell.camera)
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
    if camera is not None and camera.name != cell.camera:
        found.append(f"The calibration is of camera '{camera.name}', not of '{cell.camera}'.")
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


def read_calibration(path: Path, cell: CellConfig) -> Calibration:
    """Read a file to add to, or begin an empty calibration of `cell` where there is none."""
    if path.is_file():
        return from_mapping(Calibration, read_yaml(path), str(path))
    return Calibration(cell.name, fingerprint(cell))


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration; a crash leaves the old file or the new one, never half of one."""
    text = _HEAD.format(cell=calibration.cell, name=path.stem)
    text += yaml.safe_dump(to_mapping(calibration), sort_keys=False, allow_unicode=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


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
