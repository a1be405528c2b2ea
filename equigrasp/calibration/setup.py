"""What a calibration works on, the same in simulation and over ROS."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.board_mount import gripper_with_board
from equigrasp.devices.calibrated_cell import apply_to_camera, apply_to_cell
from equigrasp.devices.calibration import Calibration, fingerprint, read_calibration
from equigrasp.devices.cell import CameraConfig, CellConfig, RobotCell
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.ompl_planner import OmplPlanner

Say = Callable[[str], None]
Ask = Callable[[str], str]


@dataclass(frozen=True, eq=False)
class CalibrationSetup:
    """Devices, what is believed of them, and where results go.

    Args:
        cell: Connected devices.
        planner: Plans for them, at the speed that calibration allows itself.
        configured: The cell as its YAML file says, without a calibration.
        camera: The camera as its YAML file says.
        path: The calibration file.
        serial: Serial number of the camera; empty: not known.
        true_t_base_camera: In simulation, where the camera really is.
        true_workspaces: In simulation, where the trays really are.
    """

    cell: RobotCell
    planner: MotionPlanner
    configured: CellConfig
    camera: CameraConfig
    path: Path
    serial: str = ""
    true_t_base_camera: Transform | None = None
    true_workspaces: tuple[Workspace, ...] = ()

    def planner_with_board(self, board: BoardConfig, t_tcp_board: Transform) -> MotionPlanner:
        """Return a planner that keeps the board, too, from touching anything."""
        gripper = gripper_with_board(self.cell.gripper_config, board, t_tcp_board)
        return OmplPlanner(dataclasses.replace(self.cell, gripper_config=gripper))

    @property
    def calibration(self) -> Calibration:
        """What the file holds so far."""
        found = read_calibration(self.path, self.configured)
        return dataclasses.replace(
            found, cell=self.configured.name, cell_fingerprint=fingerprint(self.configured)
        )

    @property
    def t_base_camera(self) -> Transform:
        """Where the camera is believed to be: as calibrated, else as configured."""
        return apply_to_camera(self.calibration, self.camera).pose

    @property
    def workspaces(self) -> tuple[Workspace, ...]:
        """Where the trays are believed to be."""
        return apply_to_cell(self.calibration, self.configured).workspaces

    def picture(self, what: str) -> Path:
        """Return where a picture goes: beside the calibration file."""
        return self.path.with_name(f"{self.path.stem}_{what}.png")


def now() -> str:
    """Return the date and time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
