"""Whether the empty trays look level and lie at height zero in the heightmap."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel

_INNER_SHARE = 0.7  # of the action square that is surely floor, not wall
_MIN_POINTS = 500
_MIN_FLAT_SHARE = 0.9  # of the points that must lie on the plane: an empty tray
_FLAT = 0.008  # [m] from the plane, beyond the noise: an object
_NUM_ROUNDS = 8
GOOD_TILT, MAX_TILT = 0.2, 1.0  # [deg]
GOOD_OFFSET, MAX_OFFSET = 2.0, 10.0  # [mm]
MAX_NOISE = 4.0  # [mm] standard deviation; more hides small objects


@dataclass(frozen=True)
class Floor:
    """A plane through a tray's floor.

    Args:
        workspace: The tray.
        slopes: dz/dx and dz/dy [rad].
        height: Of the plane at the tray's centre, in base [m].
        noise_mm: Standard deviation of the points about the plane.
        num_points: Points that it was fitted to.
    """

    workspace: Workspace
    slopes: tuple[float, float]
    height: float
    noise_mm: float
    num_points: int

    @property
    def offset_mm(self) -> float:
        """How far above the configured floor the plane lies."""
        return 1000.0 * (self.height - self.workspace.floor_z)


@dataclass(frozen=True)
class TableResult:
    """All floors together."""

    floors: tuple[Floor, ...]

    @property
    def slopes(self) -> np.ndarray:
        """Mean slopes dz/dx and dz/dy [rad], shape (2,)."""
        return np.mean([f.slopes for f in self.floors], axis=0)

    @property
    def tilt_deg(self) -> float:
        """Angle between the floors and the base's xy plane."""
        return float(np.rad2deg(np.arctan(np.linalg.norm(self.slopes))))

    @property
    def offset_mm(self) -> float:
        """Mean height of the floors above where they are configured."""
        return float(np.mean([f.offset_mm for f in self.floors]))

    @property
    def verdict(self) -> str:
        """`good`, `correctable` or `bad`."""
        offset = max(abs(f.offset_mm) for f in self.floors)
        if max(f.noise_mm for f in self.floors) > MAX_NOISE:
            return "bad"
        if self.tilt_deg <= GOOD_TILT and offset <= GOOD_OFFSET:
            return "good"
        return "correctable" if self.tilt_deg <= MAX_TILT and offset <= MAX_OFFSET else "bad"

    @property
    def advice(self) -> str:
        """What to do; empty where nothing is."""
        if self.verdict == "good":
            return ""
        if max(f.noise_mm for f in self.floors) > MAX_NOISE:
            return "Depth is too noisy: check light, reflections on the tray and the preset."
        if self.verdict == "bad":
            return (
                "This is more than a fine correction may hide: run `equigrasp calibrate hand-eye`."
            )
        return "`--apply camera` turns and lifts the camera's pose; `--apply floor` sets floor_z only."

    def corrected(self, t_base_camera: Transform) -> Transform:
        """Return the camera's pose at which the floors are level and lie where configured.

        It is turned about an axis in the table, so that what is seen there hardly moves sideways.

        Raises:
            CalibrationError: if the tilt or the offset is beyond what may be corrected so.
        """
        if self.verdict == "bad":
            raise CalibrationError(
                f"The floors are tilted by {self.tilt_deg:.2f} deg (at most {MAX_TILT} may be "
                f"corrected) and {self.offset_mm:.1f} mm high (at most {MAX_OFFSET:.0f}), noise "
                f"{max(f.noise_mm for f in self.floors):.1f} mm (at most {MAX_NOISE}). {self.advice}"
            )
        normal = np.array([*-self.slopes, 1.0]) / np.linalg.norm([*self.slopes, 1.0])
        axis = np.cross(normal, [0.0, 0.0, 1.0])
        turn = Rotation.from_rotvec(axis)  # its sine is its length; 1 deg: equal to 1e-6
        pivot = np.mean(
            [[f.workspace.center_x, f.workspace.center_y, f.height] for f in self.floors], axis=0
        )
        lowered = pivot - [0.0, 0.0, self.offset_mm / 1000.0]
        return Transform(lowered - turn.apply(pivot), turn.as_quat()) * t_base_camera


def fit_floor(
    depth: np.ndarray, model: CameraModel, t_base_camera: Transform, workspace: Workspace
) -> Floor:
    """Fit a plane to an empty tray's floor: least squares on the points that lie near it.

    Args:
        depth: Range along the optical axis, shape (H, W) [m]; 0 or NaN: no measurement.
        model: Intrinsics.
        t_base_camera: Pose of the optical frame.
        workspace: The tray.

    Raises:
        CalibrationError: if the floor is not seen or something lies on it.
    """
    points = t_base_camera.apply(model.deproject(depth))
    half = _INNER_SHARE * workspace.action_size_px * workspace.pixel_size / 2.0
    centre = np.array([workspace.center_x, workspace.center_y])
    points = points[(np.abs(points[:, :2] - centre) < half).all(axis=1)]
    if len(points) < _MIN_POINTS:
        raise CalibrationError(
            f"{len(points)} depth points on the floor of workspace '{workspace.name}'; at least "
            f"{_MIN_POINTS} are needed. Is it in view, and the camera's pose roughly right?"
        )
    design = np.column_stack([points[:, :2] - centre, np.ones(len(points))])
    heights = points[:, 2]
    is_flat = np.abs(heights - np.median(heights)) < 3 * _FLAT
    for _ in range(_NUM_ROUNDS):
        plane = np.linalg.lstsq(design[is_flat], heights[is_flat], rcond=None)[0]
        residuals = heights - design @ plane
        spread = 1.4826 * float(np.median(np.abs(residuals)))  # of a normal distribution
        is_flat = np.abs(residuals) < max(3.0 * spread, 1e-5)
    share = float((np.abs(residuals) < _FLAT + 3.0 * spread).mean())
    if share < _MIN_FLAT_SHARE:
        raise CalibrationError(
            f"Only {share:.0%} of workspace '{workspace.name}' is flat; at least "
            f"{_MIN_FLAT_SHARE:.0%} are needed. Empty the tray, and take the arm out of view."
        )
    slopes = (float(plane[0]), float(plane[1]))
    return Floor(workspace, slopes, float(plane[2]), 1000.0 * spread, len(points))
