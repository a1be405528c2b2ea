"""Poses that show the board to the camera in ever other ways."""

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.calibration.board import BoardConfig
from equigrasp.devices.safety import SafetyBox
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel

_TILT = 25.0  # [deg] at most, about the board's x and y
_TURN = 30.0  # [deg] at most, about the line of sight
_SHIFT = (0.12, 0.10, 0.10)  # [m] at most from the start, along the camera's axes
_RIM_PX = 15.0  # the board keeps this far from the image's edge
_MAX_DRAWS = 4000


def calibration_poses(
    t_base_tcp: Transform,
    t_camera_board: Transform,
    t_base_camera: Transform,
    board: BoardConfig,
    model: CameraModel,
    safety_box: SafetyBox,
    count: int,
) -> list[Transform]:
    """Return TCP poses about a start in which the whole board is in the image.

    Args:
        t_base_tcp: TCP at the start.
        t_camera_board: Board as the camera sees it at the start.
        t_base_camera: Roughly where the camera is, as configured; a few centimetres and degrees off
            do no harm.
        board: The board.
        model: Intrinsics.
        safety_box: The TCP stays in it.
        count: How many poses; fewer come back where they do not fit.
    """
    t_tcp_board = t_base_tcp.inverse() * t_base_camera * t_camera_board
    middle = np.array([*np.array(board.size) / 2.0, 0.0])
    centre = t_camera_board.apply(middle)
    rng = np.random.default_rng(0)  # the same poses from the same start
    poses: list[Transform] = []
    for _ in range(_MAX_DRAWS):
        if len(poses) == count:
            break
        shift = rng.uniform(-1.0, 1.0, 3) * _SHIFT
        direction, share = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.5, 1.0)
        tilt = np.deg2rad(_TILT) * share * np.array([np.cos(direction), np.sin(direction), 0.0])
        turn = Rotation.from_rotvec([0.0, 0.0, np.deg2rad(rng.uniform(-_TURN, _TURN))])
        rotation = Rotation.from_rotvec(tilt) * turn * t_camera_board.rotation
        seen = Transform(centre + shift - rotation.apply(middle), rotation.as_quat())
        pose = t_base_camera * seen * t_tcp_board.inverse()
        if _is_in_image(seen, board, model) and _is_inside(pose.position, safety_box):
            poses.append(pose)
    return poses


def _is_in_image(t_camera_board: Transform, board: BoardConfig, model: CameraModel) -> bool:
    x, y = board.size
    rim = t_camera_board.apply(np.array([[0, 0, 0], [x, 0, 0], [x, y, 0], [0, y, 0]]))
    pixels = model.project(rim)
    high = np.array([model.width_px, model.height_px]) - _RIM_PX
    return bool((pixels >= _RIM_PX).all() and (pixels <= high).all())


def _is_inside(position: np.ndarray, box: SafetyBox) -> bool:
    return bool((position >= box.lower).all() and (position <= box.upper).all())
