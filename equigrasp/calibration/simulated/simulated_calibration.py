"""The devices of `equigrasp calibrate --simulated`, and the truth to compare with."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.setup import CalibrationSetup
from equigrasp.calibration.simulated.displaced_cell import (
    ColorCamera,
    displace,
    make_hand_eye_cell,
)
from equigrasp.config import load_config
from equigrasp.devices.cell import OVERHEAD, CameraConfig, CellConfig
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.simulation.make import SimulatedCell, build_simulated_cell

_SPEED_SCALE = 0.3


@contextlib.contextmanager
def simulated_setup(
    cell_name: str,
    what: str,
    path: Path,
    seed: int,
    board: BoardConfig | None = None,
    supersampling: int = 2,
) -> Iterator[CalibrationSetup]:
    """Yield a connected simulated cell that is a little off.

    Args:
        cell_name: Name of a cell, or path to its YAML file.
        what: `hand-eye` (the gripper holds the board up to the camera), `table` or `workspace` (the
            arm is at home).
        path: The calibration file.
        seed: Draws how far off.
        board: What the gripper holds.
        supersampling: Rendered pixels a side of each pixel of a colour picture.
    """
    configured = load_config(CellConfig, "cells", cell_name)
    camera = load_config(CameraConfig, "cameras", configured.cameras[OVERHEAD].config)
    true_cell, true_camera = displace(cell_name, seed)
    if what == "hand-eye":
        slow = dataclasses.replace(true_cell.motion, speed_scale=_SPEED_SCALE)
        true_cell = dataclasses.replace(true_cell, motion=slow)
        made = make_hand_eye_cell(
            true_cell, true_camera, board or BoardConfig(), seed, supersampling=supersampling
        )
    else:
        made = _tray_cell(true_cell, true_camera, seed)
    with made:
        yield CalibrationSetup(
            made.cell, OmplPlanner(made.cell), configured, camera, path, "simulated",
            made.cell.camera.T_base_camera, made.cell.config.workspaces,
        )  # fmt: skip


def _tray_cell(cell: CellConfig, camera: CameraConfig, seed: int) -> SimulatedCell:
    noisy = dataclasses.replace(camera, depth_noise="realsense")
    made = build_simulated_cell(cell, cell.load_gripper(), {OVERHEAD: noisy}, seed=seed)
    devices = made.cell.with_camera(ColorCamera(made.cell.camera, seed, 1))
    return dataclasses.replace(made, cell=devices)
