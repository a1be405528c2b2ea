"""What calibration is tried on: a simulated cell that is not quite as its configuration says."""

import dataclasses
import itertools

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.board_mount import gripper_with_board
from equigrasp.config import load_config
from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import OVERHEAD, CameraConfig, CellConfig
from equigrasp.errors import PlanningError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.simulation.make import SimulatedCell, build_simulated_cell
from equigrasp.simulation.mirror_camera import MirrorCamera

_SHIFT = 0.02  # [m] largest displacement of the camera along each axis
_TURN_DEG = 2.0  # [deg] largest turn of the camera about each axis
_TRAY_SHIFT = 0.012  # [m] largest displacement of a tray along x and y
_COLOR_SIZE_PX = (1280, 720)  # of a D435's colour camera
_COLOR_FOV_Y_DEG = 42.0
# Where PyBullet's software renderer draws against the camera model: half a pixel right and up.
_RENDERED_OFF_PX = (0.5, -0.5)
_READ_NOISE = 3.0  # [grey levels]
_BOARD_HEIGHTS = (0.42, 0.50)  # [m] of the TCP in the first pose
_RENDER_TIMEOUT = 10.0  # [s] of a large picture, on a busy computer
_NUM_SEEDS = 6  # of the inverse kinematics, beside home


class ColorCamera(Camera):
    """The cell's camera with exact intrinsics: rendered finer, averaged, with noise."""

    def __init__(self, fine: Camera, seed: int, supersampling: int) -> None:
        self._fine = fine
        self._rng = np.random.default_rng(seed)
        self._supersampling = supersampling
        m, n = fine.model, supersampling
        column, row = m.cx_px + _RENDERED_OFF_PX[0], m.cy_px + _RENDERED_OFF_PX[1]
        middle = ((c - (n - 1) / 2.0) / n for c in (column, row))
        self._model = CameraModel(
            m.width_px // n, m.height_px // n, m.fx_px / n, m.fy_px / n, *middle
        )

    @property
    def model(self) -> CameraModel:
        return self._model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return self._fine.T_base_camera

    def connect(self) -> None:
        self._fine.connect()

    def disconnect(self) -> None:
        self._fine.disconnect()

    def capture(self) -> CameraFrame:
        frame, n = self._fine.capture(), self._supersampling
        height, width = self._model.height_px, self._model.width_px
        mean = frame.color.reshape(height, n, width, n, 3).mean(axis=(1, 3))
        noisy = mean + self._rng.normal(scale=_READ_NOISE, size=(height, width, 1))
        color = np.clip(noisy, 0, 255).astype(np.uint8)
        return CameraFrame(frame.stamp, np.ascontiguousarray(frame.depth[::n, ::n]), color)


def displace(cell_name: str, seed: int) -> tuple[CellConfig, CameraConfig]:
    """Return a cell as it truly stands, and where its camera truly is.

    Args:
        cell_name: Name of a cell, or path to its YAML file; its calibration is left out.
        seed: Draws how far camera and trays are off; the same for every step of a calibration.
    """
    configured = load_config(CellConfig, "cells", cell_name)
    rng = np.random.default_rng(seed)
    camera = _displaced(
        load_config(CameraConfig, "cameras", configured.cameras[OVERHEAD].config), rng
    )
    return _with_trays_displaced(configured, rng), camera


def make_hand_eye_cell(
    cell: CellConfig,
    camera: CameraConfig,
    board: BoardConfig,
    seed: int,
    *,
    supersampling: int = 1,
    is_mirrored: bool = False,
) -> SimulatedCell:
    """Build a cell whose gripper holds the board up to a colour camera.

    Args:
        cell: Where arm and trays are.
        camera: Where the camera is.
        board: What the gripper holds.
        seed: Of the camera's noise.
        supersampling: Rendered pixels a side of each pixel of a picture.
        is_mirrored: Whether pictures are rendered in a process of their own, for a world that keeps
            the pace of a clock.
    """
    gripper = gripper_with_board(cell.load_gripper(), board, mount(board))
    fine = dataclasses.replace(
        camera,
        width_px=supersampling * _COLOR_SIZE_PX[0],
        height_px=supersampling * _COLOR_SIZE_PX[1],
        fov_y_deg=_COLOR_FOV_Y_DEG,
    )
    made = build_simulated_cell(cell, gripper, {OVERHEAD: fine})
    renderer: Camera = made.cell.camera
    if is_mirrored:
        renderer = MirrorCamera(made, fine, "household", seed, timeout=_RENDER_TIMEOUT)
    _hold_up(made, OmplPlanner(dataclasses.replace(made.cell, gripper_config=cell.load_gripper())))
    seen = made.cell.with_camera(ColorCamera(renderer, seed, supersampling))
    devices = dataclasses.replace(seen, gripper_config=cell.load_gripper())
    return dataclasses.replace(made, cell=devices)


def mount(board: BoardConfig) -> Transform:
    """Return `T_tcp_board`: centred 20 mm beyond the fingertips, the print turned outwards."""
    x, y = board.size
    return Transform.from_rpy(np.array([-x / 2.0, y / 2.0, 0.02]), np.array([np.pi, 0.0, 0.0]))


def _with_trays_displaced(cell: CellConfig, rng: np.random.Generator) -> CellConfig:
    shifts = rng.uniform(-_TRAY_SHIFT, _TRAY_SHIFT, (len(cell.workspaces), 2))
    workspaces = tuple(
        dataclasses.replace(w, center_x=w.center_x + float(x), center_y=w.center_y + float(y))
        for w, (x, y) in zip(cell.workspaces, shifts, strict=True)
    )
    return dataclasses.replace(cell, workspaces=workspaces)


def _displaced(camera: CameraConfig, rng: np.random.Generator) -> CameraConfig:
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-_TURN_DEG, _TURN_DEG, 3)))
    rpy = (turn * Rotation.from_euler("xyz", camera.rpy)).as_euler("xyz")
    position = np.array(camera.position) + rng.uniform(-_SHIFT, _SHIFT, 3)
    x, y, z = (float(p) for p in position)
    return dataclasses.replace(
        camera, position=(x, y, z), rpy=(float(rpy[0]), float(rpy[1]), float(rpy[2]))
    )


def _hold_up(made: SimulatedCell, planner: MotionPlanner) -> None:
    """Put the arm where the closed gripper holds the board up to the camera."""
    workspaces, arm = made.cell.config.workspaces, made.cell.arm_config
    middle = np.mean([[w.center_x, w.center_y] for w in workspaces], axis=0)
    rng, limits = np.random.default_rng(0), arm.limits
    seeds = rng.uniform(limits.lower, limits.upper, (_NUM_SEEDS, len(limits.lower)))
    for height, seed in itertools.product(_BOARD_HEIGHTS, [np.array(arm.home_positions), *seeds]):
        up = Transform(np.array([*middle, height]), np.array([0.0, 0.0, 0.0, 1.0]))
        try:
            start = planner.inverse_kinematics(up, seed)
        except PlanningError:
            continue
        made.cell.arm.teleport(start)  # type: ignore[attr-defined]
        made.cell.gripper.teleport(0.0)  # type: ignore[attr-defined]
        return
    raise PlanningError(f"Arm '{arm.name}' cannot hold a board up to its camera.")
