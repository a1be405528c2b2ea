"""What `equigrasp calibrate` found about a cell, kept as YAML."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from equigrasp.config import check_distinct, from_mapping, read_yaml, to_mapping
from equigrasp.devices.cell import OVERHEAD, CellConfig
from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform

_HEAD = """# Calibration of cell '{cell}', written by `equigrasp calibrate`; docs/hardware/calibration.md explains the keys.
# It is used by a cell whose YAML file says `calibration: {name}`.
"""


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

    def __post_init__(self) -> None:
        check_distinct("workspaces", (w.name for w in self.workspaces))

    def with_workspace(self, found: WorkspaceCalibration) -> "Calibration":
        """Return a copy in which one tray is as found."""
        others = tuple(w for w in self.workspaces if w.name != found.name)
        return dataclasses.replace(self, workspaces=(*others, found))


def fingerprint(cell: CellConfig) -> str:
    """Return a short hash of what a calibration belongs to: arm, gripper, camera and trays."""
    parts = [
        cell.arm,
        cell.gripper,
        cell.cameras[OVERHEAD].config,
        [to_mapping(w) for w in cell.workspaces],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


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
