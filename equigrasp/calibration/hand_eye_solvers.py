"""OpenCV's closed-form solvers of the hand-eye problem, for a camera beside the robot."""

import cv2
import numpy as np

from equigrasp.geometry.transform import Transform

# The flange carries the board and the camera stands still, so every solver is fed the inverse
# chain of the hand-held camera it was written for: T_camera_board = T_camera_base * T_base_tcp * T_tcp_board.
_ROBOT_WORLD = {
    "shah": cv2.CALIB_ROBOT_WORLD_HAND_EYE_SHAH,
    "li": cv2.CALIB_ROBOT_WORLD_HAND_EYE_LI,
}
_HAND_EYE = {
    "tsai": cv2.CALIB_HAND_EYE_TSAI,
    "park": cv2.CALIB_HAND_EYE_PARK,
    "horaud": cv2.CALIB_HAND_EYE_HORAUD,
    "andreff": cv2.CALIB_HAND_EYE_ANDREFF,
    "daniilidis": cv2.CALIB_HAND_EYE_DANIILIDIS,
}


def closed_form_solutions(
    t_base_tcp: list[Transform], t_camera_board: list[Transform]
) -> dict[str, tuple[Transform, Transform]]:
    """Return `T_base_camera` and `T_tcp_board` by each solver that finds a finite answer.

    Args:
        t_base_tcp: Where the arm was.
        t_camera_board: Where the camera saw the board at the same time.
    """
    arm = [t.matrix() for t in t_base_tcp]
    seen = [t.matrix() for t in t_camera_board]
    found = {}
    for name, flag in _ROBOT_WORLD.items():
        found[name] = _robot_world(arm, seen, flag)
    for name, flag in _HAND_EYE.items():
        found[name] = _hand_eye(arm, seen, flag)
    return {name: pair for name, pair in found.items() if pair is not None}


def _robot_world(
    arm: list[np.ndarray], seen: list[np.ndarray], flag: int
) -> tuple[Transform, Transform] | None:
    try:
        r_board_tcp, p_board_tcp, r_camera_base, p_camera_base = cv2.calibrateRobotWorldHandEye(
            [m[:3, :3] for m in seen], [m[:3, 3] for m in seen],
            [m[:3, :3] for m in arm], [m[:3, 3] for m in arm], method=flag,
        )  # fmt: skip
    except cv2.error:
        return None
    t_camera_base = _transform(r_camera_base, p_camera_base)
    t_board_tcp = _transform(r_board_tcp, p_board_tcp)
    if t_camera_base is None or t_board_tcp is None:
        return None
    return t_camera_base.inverse(), t_board_tcp.inverse()


def _hand_eye(
    arm: list[np.ndarray], seen: list[np.ndarray], flag: int
) -> tuple[Transform, Transform] | None:
    turned = [np.linalg.inv(m) for m in arm]
    try:
        rotation, position = cv2.calibrateHandEye(
            [m[:3, :3] for m in turned], [m[:3, 3] for m in turned],
            [m[:3, :3] for m in seen], [m[:3, 3] for m in seen], method=flag,
        )  # fmt: skip
    except cv2.error:
        return None
    t_base_camera = _transform(rotation, position)
    if t_base_camera is None:
        return None
    boards = [t @ t_base_camera.matrix() @ s for t, s in zip(turned, seen, strict=True)]
    return t_base_camera, _mean(boards)


def _transform(rotation: np.ndarray, position: np.ndarray) -> Transform | None:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, np.ravel(position)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3]) - 1.0) > 0.1:
        return None
    return Transform.from_matrix(matrix)


def _mean(matrices: list[np.ndarray]) -> Transform:
    """Return the mean pose: chordal mean of the rotations, mean of the positions."""
    u, _, v = np.linalg.svd(np.sum([m[:3, :3] for m in matrices], axis=0))
    mean = np.eye(4)
    mean[:3, :3] = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
    mean[:3, 3] = np.median([m[:3, 3] for m in matrices], axis=0)
    return Transform.from_matrix(mean)
