"""A square tray from its corners: centre, turn, size and how well it fits."""

from dataclasses import dataclass

import numpy as np

from equigrasp.errors import CalibrationError

MAX_YAW = 1.5  # [deg]; over half of 0.3 m this shifts a corner by 4 mm
MAX_RESIDUAL = 3.0  # [mm] of a corner from the fitted square
MAX_SIZE_ERROR = 0.006  # [m] of the side
MAX_FLOOR_TILT = 1.0  # [deg]


@dataclass(frozen=True)
class TrayFit:
    """A square in the plane.

    Args:
        center: In base x and y [m].
        floor_z: Mean height of the corners [m].
        yaw_deg: Turn about base z, in [-45, 45).
        size: Length of a side [m].
        residual_mm: Largest distance of a corner from the square's.
        tilt_deg: Of the plane through the corners.
    """

    center: tuple[float, float]
    floor_z: float
    yaw_deg: float
    size: float
    residual_mm: float
    tilt_deg: float


def fit_tray(name: str, corners: np.ndarray, expected_size: float | None) -> TrayFit:
    """Fit a square to three or four corners of a tray's floor, in any order.

    Args:
        name: Workspace, for messages.
        corners: Shape (3, 3) or (4, 3), in base [m].
        expected_size: Side that the floor should have [m]; None: any.

    Raises:
        CalibrationError: if they are no square, one of another size, or a turned one.
    """
    corners = np.asarray(corners, dtype=float)
    if corners.shape not in ((3, 3), (4, 3)) or not np.isfinite(corners).all():
        raise CalibrationError(
            f"Workspace '{name}' needs 3 or 4 corners with finite coordinates, found an array of "
            f"shape {corners.shape}."
        )
    ring = _ring(corners)
    middle = (ring[0] + ring[2]) / 2.0 if len(ring) == 3 else ring.mean(axis=0)
    # Of four or three consecutive corners of a square, as complex numbers: side / 2 * exp(i turn).
    ideal = np.array([-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j])[: len(ring)]
    flat = ring[:, 0] + 1j * ring[:, 1]
    design = np.column_stack([ideal, np.ones(len(ring))])
    half_side, centre = np.linalg.lstsq(design, flat, rcond=None)[0]
    residual = 1000.0 * float(np.abs(flat - design @ [half_side, centre]).max())
    yaw = (np.rad2deg(np.angle(half_side)) + 45.0) % 90.0 - 45.0
    fit = TrayFit(
        (float(centre.real), float(centre.imag)),
        float(middle[2]),
        float(yaw),
        2.0 * float(np.abs(half_side)),
        residual,
        _tilt_deg(corners),
    )
    _check(name, fit, expected_size)
    return fit


def _ring(corners: np.ndarray) -> np.ndarray:
    """Return corners counter-clockwise; of three, the one at the right angle in the middle."""
    if len(corners) == 3:
        gaps = [np.linalg.norm(corners[i - 1, :2] - corners[i - 2, :2]) for i in range(3)]
        i = int(np.argmax(gaps))  # the diagonal lies across the middle corner
        before, at, after = corners[i - 1], corners[i], corners[i - 2]
        a, b = (at - before)[:2], (after - at)[:2]
        is_left = a[0] * b[1] - a[1] * b[0] > 0.0
        return np.array([before, at, after] if is_left else [after, at, before])
    spokes = corners[:, :2] - corners[:, :2].mean(axis=0)
    return np.asarray(corners[np.argsort(np.arctan2(spokes[:, 1], spokes[:, 0]))])


def _tilt_deg(corners: np.ndarray) -> float:
    design = np.column_stack([corners[:, :2] - corners[:, :2].mean(axis=0), np.ones(len(corners))])
    slopes = np.linalg.lstsq(design, corners[:, 2], rcond=None)[0][:2]
    return float(np.rad2deg(np.arctan(np.linalg.norm(slopes))))


def _check(name: str, fit: TrayFit, expected_size: float | None) -> None:
    if expected_size is not None and abs(fit.size - expected_size) > MAX_SIZE_ERROR:
        raise CalibrationError(
            f"The corners of workspace '{name}' span {1000 * fit.size:.1f} mm; expected "
            f"{1000 * expected_size:.0f} +- {1000 * MAX_SIZE_ERROR:.0f} mm. Are these the corners of "
            "the floor, and is the pointer's tip the TCP (or --inset right)?"
        )
    if fit.residual_mm > MAX_RESIDUAL:
        raise CalibrationError(
            f"The corners of workspace '{name}' lie up to {fit.residual_mm:.1f} mm from a square; "
            f"at most {MAX_RESIDUAL} mm. Touch them again."
        )
    if abs(fit.yaw_deg) > MAX_YAW:
        raise CalibrationError(
            f"The tray of workspace '{name}' is turned by {fit.yaw_deg:.2f} deg; workspaces are "
            f"parallel to the base's axes. Turn it by {-fit.yaw_deg:.2f} deg (at most {MAX_YAW})."
        )
    if fit.tilt_deg > MAX_FLOOR_TILT:
        raise CalibrationError(
            f"The floor of workspace '{name}' is tilted by {fit.tilt_deg:.2f} deg against the "
            f"base; at most {MAX_FLOOR_TILT} deg. Level the tray, or touch the corners again."
        )
