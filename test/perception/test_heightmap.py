"""From depth images to heightmaps and grasp heights."""

import numpy as np
import pytest

from equigrasp.errors import PerceptionError
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.grasp_height import HandGeometry, grasp_height
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation

MODEL = CameraModel(416, 240, 551.0, 551.0, 207.5, 119.5)
POSE = Transform.from_rpy(np.array([0.45, 0.21, 1.302]), np.array([np.pi, 0.0, -np.pi / 2]))


def _depth_with_box(x: float, y: float, height: float, half: float) -> np.ndarray:
    """Render a floor at z = 2 mm with one box by intersecting every ray (flat top only)."""
    cols, rows = np.meshgrid(np.arange(416), np.arange(240))
    depth = np.full((240, 416), 1.3, np.float32)
    top = 1.3 - height
    rays = np.stack([(cols - MODEL.cx_px) / MODEL.fx_px, (rows - MODEL.cy_px) / MODEL.fy_px])
    points = POSE.apply(np.stack([rays[0] * top, rays[1] * top, np.full(rays[0].shape, top)], -1))
    is_box = (abs(points[..., 0] - x) < half) & (abs(points[..., 1] - y) < half)
    depth[is_box] = top
    return depth


def test_a_box_appears_where_it_stands_at_its_height(workspace: Workspace) -> None:
    heightmap = heightmap_from_depth(
        _depth_with_box(0.50, 0.17, 0.06, 0.02), MODEL, POSE, workspace
    )
    rows, cols = np.nonzero(heightmap > 0.03)
    x, y = workspace.pixel_to_xy(0, 0)
    assert x + rows.mean() * workspace.pixel_size == pytest.approx(0.50, abs=0.003)
    assert y + cols.mean() * workspace.pixel_size == pytest.approx(0.17, abs=0.003)
    assert np.median(heightmap[rows, cols]) == pytest.approx(0.06, abs=1e-3)
    assert len(rows) == pytest.approx((0.04 / workspace.pixel_size) ** 2, rel=0.25)
    assert heightmap.dtype == np.float32 and heightmap.shape == (128, 128)


def test_missing_depth_is_filled_from_its_neighbours(workspace: Workspace) -> None:
    depth = _depth_with_box(0.45, 0.21, 0.05, 0.03)
    depth[100:104, 200:204] = np.nan
    depth[60:62, :] = 0.0
    heightmap = heightmap_from_depth(depth, MODEL, POSE, workspace)
    assert np.isfinite(heightmap).all()
    assert heightmap[64, 64] == pytest.approx(0.05, abs=2e-3)


def test_a_blind_camera_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(PerceptionError, match="left"):
        heightmap_from_depth(np.full((240, 416), np.nan, np.float32), MODEL, POSE, workspace)


def test_an_observation_refuses_nan_and_the_wrong_shape(workspace: Workspace) -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[3, 4] = np.nan
    with pytest.raises(PerceptionError, match="1 values"):
        Observation.of_heightmap(heightmap, workspace)
    with pytest.raises(PerceptionError, match=r"\(96, 96\)"):
        Observation.of_heightmap(np.zeros((96, 96), np.float32), workspace)


def _height(heightmap: np.ndarray, row: int, col: int, theta: float) -> float:
    hand = HandGeometry(0.04, 0.03, 0.008)
    return grasp_height(heightmap, row, col, theta, 0.085, hand, Workspace("tray", 0.0, 0.0))


def test_fingers_reach_below_the_top_but_not_into_the_floor() -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[60:68, 60:68] = 0.08
    assert _height(heightmap, 64, 64, 0.0) == pytest.approx(0.04, abs=1e-3)
    heightmap[60:68, 60:68] = 0.02
    assert _height(heightmap, 64, 64, 0.0) == pytest.approx(0.01)


def test_a_wall_under_the_fingertips_raises_the_grasp_only_if_they_open_over_it() -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[:16, :] = 0.05
    along_rows, along_cols = _height(heightmap, 22, 64, 0.0), _height(heightmap, 22, 64, np.pi / 2)
    assert along_rows == pytest.approx(0.042, abs=2e-3)
    assert along_cols == pytest.approx(0.01)


def test_turning_the_map_keeps_the_grasp_height(rng: np.random.Generator) -> None:
    heightmap = rng.uniform(0, 0.05, (128, 128)).astype(np.float32)
    row, col = 50, 70
    turned = np.rot90(heightmap)  # +90 degrees about +z takes (row, col) to (127 - col, row)
    for theta in (0.0, np.pi / 8, np.pi / 4):
        assert _height(turned, 127 - col, row, theta + np.pi / 2) == pytest.approx(
            _height(heightmap, row, col, theta), abs=1e-6
        )
