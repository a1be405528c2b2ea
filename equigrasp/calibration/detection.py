"""Find the board in an image, and where it stands before the camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from equigrasp.calibration.board import BoardConfig
from equigrasp.errors import PerceptionError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel

_MIN_CORNERS = 8
# CharucoDetector counts from a pixel's corner, as do markers; the camera model from its centre.
_HALF_PIXEL = 0.5  # [px]
_STRAIGHT = np.zeros(5)  # distortion of rectified images
_MIN_SPREAD = 0.2  # of the board's shorter side: corners on one line give no pose


@dataclass(frozen=True, eq=False)
class BoardView:
    """Corners of the board in one image.

    Args:
        ids: Which corners, shape (K,).
        corners_px: Where, (column, row), shape (K, 2) [px].
    """

    ids: np.ndarray
    corners_px: np.ndarray


class BoardDetector:
    """Finds one board; keep it: making it builds tables.

    A board of an even number of rows may have either pattern of OpenCV: that of today, or that of
    before 4.6. The one that is seen is looked for first from then on.

    Attributes:
        is_legacy: Whether the board that was seen last has the pattern of before OpenCV 4.6.
    """

    def __init__(self, board: BoardConfig) -> None:
        self.board = board
        self.corners = board.corners()
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        self.is_legacy = False
        self._detectors = {
            is_legacy: cv2.aruco.CharucoDetector(
                board.make(is_legacy=is_legacy), detectorParams=parameters
            )
            for is_legacy in ((False, True) if board.has_legacy_pattern else (False,))
        }

    def detect(self, color: np.ndarray) -> BoardView:
        """Return the corners in a picture (H, W, 3) or (H, W), uint8.

        Raises:
            PerceptionError: if too few corners are seen for a pose; says how many.
        """
        gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY) if color.ndim == 3 else color
        most, num_markers = 0, 0
        for is_legacy in sorted(self._detectors, key=lambda p: p != self.is_legacy):
            corners, ids, _, markers = self._detectors[is_legacy].detectBoard(gray)
            count = 0 if ids is None else len(ids)
            if count >= _MIN_CORNERS and self._is_spread(ids.ravel()):
                self.is_legacy = is_legacy
                seen = corners.reshape(-1, 2).astype(np.float64) - _HALF_PIXEL
                return BoardView(ids.ravel(), seen)
            most = max(most, count)
            num_markers = max(num_markers, 0 if markers is None else len(markers))
        raise PerceptionError(
            f"The board is not seen well enough: {most} of {len(self.corners)} corners, "
            f"{num_markers} markers (at least {_MIN_CORNERS} corners are needed, not all on a "
            f"line). {self._cause(num_markers)}"
        )

    def _cause(self, num_markers: int) -> str:
        board = self.board
        if 2 * num_markers < board.squares_x * board.squares_y // 2:
            return (
                "Is it in the image, sharp, large enough, evenly lit, and the board that "
                "--squares and --dictionary describe?"
            )
        patterns = ", in today's pattern or that of before OpenCV 4.6" * board.has_legacy_pattern
        return (
            f"Its markers are seen, but not as on a board of {board.squares_x} x {board.squares_y} "
            f"squares from {board.dictionary}{patterns}: see --squares and --dictionary."
        )

    def _is_spread(self, ids: np.ndarray) -> bool:
        points = self.corners[ids, :2]
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(len(ids))
        return bool(spread[1] > 0.25 * _MIN_SPREAD * min(self.board.size))

    def pose(self, view: BoardView, model: CameraModel) -> Transform:
        """Return `T_camera_board` from one view.

        Raises:
            PerceptionError: if no pose explains the corners.
        """
        points = self.corners[view.ids]
        camera = camera_matrix(model)
        count, rotations, translations, errors = cv2.solvePnPGeneric(
            points, view.corners_px, camera, _STRAIGHT, flags=cv2.SOLVEPNP_IPPE
        )
        if not count:
            raise PerceptionError("No pose of the board explains the corners seen.")
        best = int(np.argmin(np.ravel(errors)))  # a flat board has two candidates
        rotation, translation = cv2.solvePnPRefineLM(
            points, view.corners_px, camera, _STRAIGHT, rotations[best], translations[best]
        )
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = cv2.Rodrigues(rotation)[0], translation.ravel()
        return Transform.from_matrix(matrix)


def camera_matrix(model: CameraModel) -> np.ndarray:
    """Return the intrinsics as OpenCV wants them, shape (3, 3) [px]."""
    return np.array(
        [[model.fx_px, 0.0, model.cx_px], [0.0, model.fy_px, model.cy_px], [0.0, 0.0, 1.0]]
    )
