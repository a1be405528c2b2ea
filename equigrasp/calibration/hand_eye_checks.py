"""What makes a set of poses unfit for a hand-eye calibration."""

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.calibration.hand_eye_refinement import Sample
from equigrasp.errors import CalibrationError

MIN_POSES = 8
GOOD_NUM_POSES = 15
_MIN_TURN = 10.0  # [deg] root mean square about the axis that the poses turn about most
_MIN_SECOND_TURN = 5.0  # [deg] the same about a second axis, across the first
_MIN_SPREAD = 0.03  # [m] root mean square of the TCP's positions about their mean
MAX_SCALE_ERROR = 0.01  # a print at 99 % is wrong by 13 mm at 1.3 m


def check_samples(samples: list[Sample]) -> None:
    """Raise `CalibrationError` if these poses cannot determine where the camera is.

    Two turns about axes that are not parallel are needed (Tsai and Lenz 1989); with turns about
    one axis only, the camera may slide along it unseen.
    """
    for sample in samples:
        if not np.isfinite(sample.view.corners_px).all():
            raise CalibrationError(f"Pose '{sample.name}' holds corners that are not finite.")
    if len(samples) < MIN_POSES:
        raise CalibrationError(
            f"{len(samples)} poses with the board in view; at least {MIN_POSES} are needed, "
            f"{GOOD_NUM_POSES} are better."
        )
    turns = principal_turns_deg(samples)
    if turns[0] < _MIN_TURN or turns[1] < _MIN_SECOND_TURN:
        raise CalibrationError(
            f"The poses turn the gripper too little: {turns[0]:.1f} deg about one axis and "
            f"{turns[1]:.1f} deg about a second (root mean square); at least {_MIN_TURN:.0f} and "
            f"{_MIN_SECOND_TURN:.0f} deg are needed. Tilt it by 20 to 30 deg about two axes."
        )
    positions = np.array([s.t_base_tcp.position for s in samples])
    spread = float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))
    if spread < _MIN_SPREAD:
        raise CalibrationError(
            f"The poses lie within {1000 * spread:.0f} mm (root mean square); at least "
            f"{1000 * _MIN_SPREAD:.0f} mm are needed to compare the arm's scale with the board's."
        )


def check_scale(scale: float, square_length: float) -> None:
    """Raise `CalibrationError` if the board's size does not fit the distances that the arm moved."""
    if abs(scale - 1.0) > MAX_SCALE_ERROR:
        raise CalibrationError(
            f"The squares look {1000 * scale * square_length:.2f} mm wide against the distances "
            f"that the arm moved, but the board is said to have {1000 * square_length:.2f} mm. "
            "Measure the print (it is often scaled to the page) and give --square and --marker; "
            "if they are right, the camera's focal length is wrong."
        )


def principal_turns_deg(samples: list[Sample]) -> np.ndarray:
    """Return root mean square turns about the three principal axes, largest first, shape (3,)."""
    rotations = Rotation.from_quat([s.t_base_tcp.quat_xyzw for s in samples])
    turns = (rotations.mean().inv() * rotations).as_rotvec()
    return np.rad2deg(np.linalg.svd(turns, compute_uv=False) / np.sqrt(len(samples)))
