"""Floors of empty trays: synthetic depth of known planes."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from equigrasp.calibration.table import TableResult, fit_floor
from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.heightmap import heightmap_from_depth

MODEL = CameraModel(416, 240, 550.0, 550.0, 207.5, 119.5)
POSE = Transform.from_rpy(np.array([0.45, 0.0, 1.3]), np.array([np.pi, 0.0, -np.pi / 2]))
TRAYS = (
    Workspace("left", 0.45, 0.21, floor_z=0.002),
    Workspace("right", 0.45, -0.21, floor_z=0.002),
)


def depth_of_plane(true_pose: Transform, z: float = 0.002, noise: float = 0.0) -> np.ndarray:
    """Return depth of the plane at height z [m] as a camera at `true_pose` sees it."""
    rays = CameraModel.deproject(MODEL, np.ones((MODEL.height_px, MODEL.width_px), np.float32))
    directions = true_pose.rotation.apply(rays)
    depth = (z - true_pose.position[2]) / directions[:, 2]
    depth += np.random.default_rng(0).normal(scale=noise, size=depth.shape)
    return depth.reshape(MODEL.height_px, MODEL.width_px).astype(np.float32)


def tilted(x_deg: float, y_deg: float, rise: float = 0.0) -> Transform:
    """Return the camera, turned about the base's x and y axes through the table below it."""
    turn = Rotation.from_euler("xy", [x_deg, y_deg], degrees=True)
    pivot = np.array([0.45, 0.0, 0.0])
    moved = turn.apply(POSE.position - pivot) + pivot + [0.0, 0.0, rise]
    return Transform(moved, (turn * POSE.rotation).as_quat())


def look(true_pose: Transform, noise: float = 0.0) -> TableResult:
    """Return what is found when the camera is believed to be at `POSE`."""
    depth = depth_of_plane(true_pose, noise=noise)
    return TableResult(tuple(fit_floor(depth, MODEL, POSE, w) for w in TRAYS))


def test_a_level_table_is_good() -> None:
    result = look(POSE, noise=0.001)
    assert result.verdict == "good"
    assert result.tilt_deg < 0.03
    assert abs(result.offset_mm) < 0.05
    assert result.floors[0].noise_mm == pytest.approx(1.0, rel=0.1)


def test_tilt_and_height_are_measured() -> None:
    result = look(tilted(0.5, -0.3, rise=0.004), noise=0.001)
    assert result.tilt_deg == pytest.approx(np.hypot(0.5, 0.3), abs=0.02)
    assert result.offset_mm == pytest.approx(-4.0, abs=0.1)  # believed lower than it is
    assert result.verdict == "correctable"


def test_the_corrected_camera_sees_the_floor_level_at_height_zero() -> None:
    true = tilted(0.6, -0.5, rise=-0.006)
    corrected = look(true).corrected(POSE)
    depth = depth_of_plane(true)
    again = TableResult(tuple(fit_floor(depth, MODEL, corrected, w) for w in TRAYS))
    assert again.tilt_deg < 1e-3
    assert abs(again.offset_mm) < 0.01
    heights = heightmap_from_depth(depth, MODEL, corrected, TRAYS[0])
    assert heights.max() < 1e-4


def test_a_large_tilt_is_refused_and_points_to_hand_eye() -> None:
    result = look(tilted(2.0, 0.0))
    assert result.verdict == "bad"
    with pytest.raises(CalibrationError, match=r"tilted by 2\.0\d deg .*hand-eye"):
        result.corrected(POSE)


def test_a_floor_far_off_is_bad() -> None:
    assert look(tilted(0.0, 0.0, rise=0.03)).verdict == "bad"


def test_noise_beyond_bounds_is_bad() -> None:
    result = look(POSE, noise=0.006)
    assert result.verdict == "bad"
    assert "too noisy" in result.advice


def test_an_object_in_the_tray_is_noticed() -> None:
    depth = depth_of_plane(POSE)
    depth[90:150, 60:120] -= 0.05
    with pytest.raises(CalibrationError, match="is flat; at least 90% are needed. Empty the tray"):
        fit_floor(depth, MODEL, POSE, TRAYS[0])


def test_a_blind_camera_is_noticed() -> None:
    depth = np.full((MODEL.height_px, MODEL.width_px), np.nan, np.float32)
    with pytest.raises(CalibrationError, match="0 depth points on the floor of workspace 'left'"):
        fit_floor(depth, MODEL, POSE, TRAYS[0])


def test_a_few_wild_pixels_change_nothing() -> None:
    depth = depth_of_plane(tilted(0.5, 0.0))
    wild = np.random.default_rng(1).random(depth.shape) < 0.02
    depth[wild] = 0.6
    floor = fit_floor(depth, MODEL, POSE, dataclasses.replace(TRAYS[0]))
    clean = fit_floor(depth_of_plane(tilted(0.5, 0.0)), MODEL, POSE, TRAYS[0])
    assert floor.height == pytest.approx(clean.height, abs=1e-5)
