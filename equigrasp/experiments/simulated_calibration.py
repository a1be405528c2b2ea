"""A simulated cell whose camera and trays are not quite where its configuration says."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.board_mount import gripper_with_board
from equigrasp.config import load_config
from equigrasp.devices.calibration import load_camera, load_cell
from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import CameraConfig, CellConfig, GripperConfig, RobotCell
from equigrasp.errors import PlanningError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.simulation.bullet_camera import BulletCamera
from equigrasp.simulation.make import SimulatedCell, build_simulated_cell

_SHIFT = 0.02  # [m] largest displacement of the camera along each axis
_TURN_DEG = 2.0  # [deg] largest turn of the camera about each axis
_TRAY_SHIFT = 0.012  # [m] largest displacement of a tray along x and y
_COLOR_SIZE_PX = (1280, 720)  # of a D435's colour camera
_COLOR_FOV_Y_DEG = 42.0
_SUPERSAMPLING = 2
_READ_NOISE = 3.0  # [grey levels]
_SPEED_SCALE = 0.3
_BOARD_HEIGHT = 0.42  # [m] of the TCP in the first pose


@dataclass(frozen=True, eq=False)
class SimulatedCalibration:
    """A cell to calibrate, and the truth about it."""

    simulation: SimulatedCell
    cell: RobotCell
    nominal: CellConfig
    t_base_camera: Transform
    planner: MotionPlanner


class ColorCamera(Camera):
    """The cell's camera at a colour camera's resolution: rendered finer, averaged, with noise."""

    def __init__(self, fine: BulletCamera, seed: int) -> None:
        self._fine = fine
        self._rng = np.random.default_rng(seed)
        m, n = fine.model, _SUPERSAMPLING
        middle = ((c - (n - 1) / 2.0) / n for c in (m.cx_px, m.cy_px))
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
        frame, n = self._fine.capture(), _SUPERSAMPLING
        height, width = self._model.height_px, self._model.width_px
        mean = frame.color.reshape(height, n, width, n, 3).mean(axis=(1, 3))
        noisy = mean + self._rng.normal(scale=_READ_NOISE, size=(height, width, 1))
        color = np.clip(noisy, 0, 255).astype(np.uint8)
        return CameraFrame(frame.stamp, np.ascontiguousarray(frame.depth[::n, ::n]), color)


def make_hand_eye_cell(cell_name: str, board: BoardConfig, seed: int) -> SimulatedCalibration:
    """Return a cell with a board in the gripper, at rest where the camera sees it.

    Args:
        cell_name: Name of a cell, or path to its YAML file.
        board: What the gripper holds, its print turned away from the flange.
        seed: Draws where the camera truly is.
    """
    nominal = load_cell(cell_name)
    slow = dataclasses.replace(nominal.motion, speed_scale=_SPEED_SCALE)
    config = dataclasses.replace(nominal, motion=slow)
    gripper = gripper_with_board(
        load_config(GripperConfig, "grippers", config.gripper), board, _mount(board)
    )
    camera = _displaced(load_camera(config), np.random.default_rng(seed))
    n = _SUPERSAMPLING
    fine = dataclasses.replace(
        camera,
        width_px=n * _COLOR_SIZE_PX[0],
        height_px=n * _COLOR_SIZE_PX[1],
        fov_y_deg=_COLOR_FOV_Y_DEG,
    )
    simulation = build_simulated_cell(config, gripper, fine, seed=seed)
    bullet = simulation.cell.camera
    assert isinstance(bullet, BulletCamera)
    cell = dataclasses.replace(simulation.cell, camera=ColorCamera(bullet, seed))
    planner = OmplPlanner(cell)
    start = _start(cell, planner, config)
    simulation.cell.arm.teleport(start)  # type: ignore[attr-defined]
    simulation.cell.gripper.teleport(0.0)  # type: ignore[attr-defined]
    return SimulatedCalibration(simulation, cell, nominal, bullet.T_base_camera, planner)


def make_tray_cell(cell_name: str, seed: int) -> SimulatedCalibration:
    """Return a cell, arm at home, whose trays are displaced; its camera is where it should be."""
    nominal = load_cell(cell_name)
    rng = np.random.default_rng(seed)
    workspaces = tuple(
        dataclasses.replace(w, center_x=w.center_x + x, center_y=w.center_y + y)
        for w, (x, y) in zip(
            nominal.workspaces,
            rng.uniform(-_TRAY_SHIFT, _TRAY_SHIFT, (len(nominal.workspaces), 2)),
            strict=True,
        )
    )
    config = dataclasses.replace(nominal, workspaces=workspaces)
    gripper = load_config(GripperConfig, "grippers", config.gripper)
    camera = dataclasses.replace(load_camera(config), depth_noise="realsense")
    simulation = build_simulated_cell(config, gripper, camera, seed=seed)
    planner = OmplPlanner(simulation.cell)
    pose = simulation.cell.camera.T_base_camera
    return SimulatedCalibration(simulation, simulation.cell, nominal, pose, planner)


def _mount(board: BoardConfig) -> Transform:
    """Return `T_tcp_board`: centred 20 mm beyond the fingertips, the print turned outwards."""
    x, y = board.size
    return Transform.from_rpy(np.array([-x / 2.0, y / 2.0, 0.02]), np.array([np.pi, 0.0, 0.0]))


def _displaced(camera: CameraConfig, rng: np.random.Generator) -> CameraConfig:
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-_TURN_DEG, _TURN_DEG, 3)))
    rpy = (turn * Rotation.from_euler("xyz", camera.rpy)).as_euler("xyz")
    position = np.array(camera.position) + rng.uniform(-_SHIFT, _SHIFT, 3)
    x, y, z = (float(p) for p in position)
    return dataclasses.replace(
        camera, position=(x, y, z), rpy=(float(rpy[0]), float(rpy[1]), float(rpy[2]))
    )


def _start(cell: RobotCell, planner: MotionPlanner, config: CellConfig) -> np.ndarray:
    """Return joint positions at which the gripper holds the board up to the camera."""
    middle = np.mean([[w.center_x, w.center_y] for w in config.workspaces], axis=0)
    home = np.array(cell.arm_config.home_positions)
    for yaw in np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False):
        up = Transform.from_rpy(np.array([*middle, _BOARD_HEIGHT]), np.array([0.0, 0.0, yaw]))
        try:
            return planner.inverse_kinematics(up, home)
        except PlanningError:
            continue
    raise PlanningError(f"Arm '{cell.arm_config.name}' cannot hold a board up to its camera.")
