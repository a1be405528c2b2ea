"""Least squares on the reprojection error over the camera's pose and the board's on the gripper."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from equigrasp.calibration.detection import BoardView
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel

_SOFT_PX = 1.0  # [px] residuals beyond it pull with constant force only
_BEHIND = 1e-3  # [m] points nearer than this are moved there, so that a bad start stays finite


@dataclass(frozen=True, eq=False)
class Sample:
    """The arm at rest at one pose, and what the camera saw there."""

    name: str
    t_base_tcp: Transform
    view: BoardView


@dataclass(frozen=True, eq=False)
class Fit:
    """Both unknown poses, and how much larger the board is than it was said to be."""

    t_base_camera: Transform
    t_tcp_board: Transform
    board_scale: float = 1.0


class Reprojection:
    """The corners of all samples, stacked; residuals as a function of 13 numbers."""

    def __init__(self, samples: list[Sample], corners: np.ndarray, model: CameraModel) -> None:
        self._model = model
        sizes = [len(s.view.ids) for s in samples]
        owner = np.repeat(np.arange(len(samples)), sizes)
        self._bounds = np.cumsum(sizes)[:-1]
        self._points = corners[np.concatenate([s.view.ids for s in samples])]
        self._seen = np.concatenate([s.view.corners_px for s in samples])
        matrices = np.array([s.t_base_tcp.matrix() for s in samples])
        self._rotations = matrices[owner, :3, :3]
        self._positions = matrices[owner, :3, 3]

    def refine(self, start: Fit, *, has_scale: bool = False, tolerance: float = 1e-13) -> Fit:
        """Return the fit of least squares, with soft-L1 loss, from a start near it."""
        vector = _to_vector(start)
        free = vector if has_scale else vector[:12]
        found = least_squares(
            lambda v: self._residuals(v).ravel(),
            free,
            loss="soft_l1",
            f_scale=_SOFT_PX,
            x_scale="jac",
            xtol=tolerance,
            ftol=tolerance,
            gtol=tolerance,
            max_nfev=60,
        )
        return _from_vector(found.x)

    def errors_px(self, fit: Fit) -> list[np.ndarray]:
        """Return seen minus predicted corners of each sample, shape (K, 2) [px]."""
        vector = _to_vector(fit)
        return np.split(-self._residuals(vector), self._bounds)

    def _residuals(self, vector: np.ndarray) -> np.ndarray:
        fit = _from_vector(vector)
        points = fit.t_tcp_board.apply(self._points * fit.board_scale)
        in_base = np.einsum("nij,nj->ni", self._rotations, points) + self._positions
        in_camera = fit.t_base_camera.inverse().apply(in_base)
        in_camera[:, 2] = np.maximum(in_camera[:, 2], _BEHIND)
        return np.asarray(self._model.project(in_camera) - self._seen)


def rms(errors: np.ndarray) -> float:
    """Return the root mean square length of errors, shape (K, 2)."""
    return float(np.sqrt((errors**2).sum(axis=1).mean()))


def _to_vector(fit: Fit) -> np.ndarray:
    camera, board = fit.t_base_camera, fit.t_tcp_board
    return np.concatenate(
        [
            camera.position, camera.rotation.as_rotvec(),
            board.position, board.rotation.as_rotvec(), [fit.board_scale],
        ]
    )  # fmt: skip


def _from_vector(vector: np.ndarray) -> Fit:
    camera = Transform(vector[:3], Rotation.from_rotvec(vector[3:6]).as_quat())
    board = Transform(vector[6:9], Rotation.from_rotvec(vector[9:12]).as_quat())
    return Fit(camera, board, float(vector[12]) if len(vector) > 12 else 1.0)
