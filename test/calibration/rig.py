"""A camera, an arm and a board whose true poses are known, and pictures of them."""

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.detection import BoardView, camera_matrix
from equigrasp.calibration.hand_eye_refinement import Sample
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel

BOARD = BoardConfig()
MODEL = CameraModel(1280, 720, 915.0, 914.0, 641.3, 358.2)  # of D435 class
T_BASE_CAMERA = Transform.from_rpy(np.array([0.47, -0.02, 1.31]), np.array([3.11, 0.03, -1.54]))
# The board's z axis points into the paper; the gripper points up, the print faces the camera.
T_TCP_BOARD = Transform.from_rpy(np.array([-0.12, 0.09, 0.02]), np.array([3.1, 0.02, 0.05]))
_SUPERSAMPLING = 2


def tcp_poses(rng: np.random.Generator, count: int, tilt_deg: float = 25.0) -> list[Transform]:
    """Return TCP poses that show the board to the camera, tilted about both axes."""
    poses = []
    for _ in range(count):
        centre = rng.uniform([-0.2, -0.12, 0.75], [0.2, 0.12, 1.05])  # [m] before the camera
        tilt = np.deg2rad(rng.uniform(-tilt_deg, tilt_deg, 2))
        turn = Rotation.from_euler("xyz", [*tilt, rng.uniform(-0.6, 0.6)])
        middle = np.array([*np.array(BOARD.size) / 2.0, 0.0])
        t_camera_board = Transform(centre - turn.apply(middle), turn.as_quat())
        poses.append(T_BASE_CAMERA * t_camera_board * T_TCP_BOARD.inverse())
    return poses


def disturbed(
    pose: Transform, rng: np.random.Generator, position_std: float, angle_std_deg: float
) -> Transform:
    """Return a pose with normal noise on each coordinate [m] and each axis [deg]."""
    turn = Rotation.from_rotvec(rng.normal(scale=np.deg2rad(angle_std_deg), size=3))
    position = pose.position + rng.normal(scale=position_std, size=3)
    return Transform(position, (pose.rotation * turn).as_quat())


def corners_px(t_base_tcp: Transform) -> np.ndarray:
    """Return the true corners in the image, shape (K, 2) [px]."""
    t_camera_board = T_BASE_CAMERA.inverse() * t_base_tcp * T_TCP_BOARD
    return MODEL.project(t_camera_board.apply(BOARD.corners()))


def samples(
    seed: int, count: int = 15, noise_px: float = 0.15, repeatability: float = 1e-4
) -> list[Sample]:
    """Return poses with noise on the corners and on where the arm truly stood [m].

    0.1 mm at the wrist goes with 0.02 deg: encoders err in angles.
    """
    rng = np.random.default_rng(seed)
    found = []
    for i, pose in enumerate(tcp_poses(rng, count)):
        true = disturbed(pose, rng, repeatability, 200.0 * repeatability)
        seen = corners_px(true) + rng.normal(scale=noise_px, size=(len(BOARD.corners()), 2))
        found.append(Sample(f"pose {i + 1}", pose, BoardView(np.arange(len(seen)), seen)))
    return found


def picture(
    t_base_tcp: Transform,
    rng: np.random.Generator,
    distortion: tuple[float, ...] = (),
    blur_px: float = 0.8,
    noise: float = 4.0,
) -> np.ndarray:
    """Return what the camera sees, (H, W, 3) uint8: blurred, noisy, perhaps distorted."""
    square_px, margin_px = 80, 20
    drawn = BOARD.draw(square_px, margin_px)
    t_camera_board = T_BASE_CAMERA.inverse() * t_base_tcp * T_TCP_BOARD
    scale = BOARD.square_length / square_px
    # Pixel centres of the drawing to metres on the board, and on to the supersampled image.
    to_board = np.array(
        [[scale, 0, scale * (0.5 - margin_px)], [0, scale, scale * (0.5 - margin_px)], [0, 0, 1]]
    )
    rotation = t_camera_board.rotation.as_matrix()
    to_image = camera_matrix(MODEL) @ np.column_stack([rotation[:, :2], t_camera_board.position])
    n = _SUPERSAMPLING
    finer = np.array([[n, 0, (n - 1) / 2], [0, n, (n - 1) / 2], [0, 0, 1]])
    size = (MODEL.width_px * n, MODEL.height_px * n)
    paper = cv2.warpPerspective(drawn, finer @ to_image @ to_board, size, borderValue=110)
    image = cv2.resize(paper, (MODEL.width_px, MODEL.height_px), interpolation=cv2.INTER_AREA)
    if distortion:
        image = _distort(image, distortion)
    image = cv2.GaussianBlur(image, (0, 0), blur_px).astype(float) * 0.7 + 30.0
    image += rng.normal(scale=noise, size=image.shape)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _distort(image: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    """Look the straight image up where each pixel of the bent one comes from."""
    grid = np.stack(np.meshgrid(*map(np.arange, image.shape[::-1])), axis=-1).astype(np.float32)
    camera = camera_matrix(MODEL)
    straight = cv2.undistortPoints(
        grid.reshape(-1, 1, 2), camera, np.array(distortion), P=camera
    ).reshape(grid.shape)
    return cv2.remap(image, straight, None, cv2.INTER_CUBIC)


def errors(found: Transform, true: Transform) -> tuple[float, float]:
    """Return the distance [mm] and the angle [deg] between two poses."""
    turn = (true.rotation.inv() * found.rotation).magnitude()
    return 1000 * float(np.linalg.norm(found.position - true.position)), float(np.rad2deg(turn))
