"""The newest height of each cell, and its age."""

import numpy as np
import pytest

from equigrasp.devices.clock import WallClock
from equigrasp.devices.fakes import FakeCamera
from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.height_memory import HeightMemory, visible_heights

_TRAY = Workspace("left", 0.45, 0.0, 0.002, heightmap_size_px=8, action_size_px=8, pixel_size=0.05)


@pytest.fixture
def memory() -> HeightMemory:
    """Begun at 10 s with 20 mm everywhere."""
    memory = HeightMemory(_TRAY)
    memory.begin(np.full((8, 8), 0.02, np.float32), 10.0)
    return memory


def _look(seen: slice, height: float) -> np.ndarray:
    heights = np.full((8, 8), -1.0, np.float32)
    heights[seen] = height
    return heights


def test_nothing_seen_yet_is_floor_of_endless_age() -> None:
    memory = HeightMemory(_TRAY)
    assert not memory.heights.any() and np.isinf(memory.ages(5.0)).all()


def test_what_is_seen_is_overwritten_and_the_rest_ages(memory: HeightMemory) -> None:
    memory.update(_look(slice(0, 3), 0.05), 12.0)
    heights, ages = memory.heights, memory.ages(12.5)
    assert heights[:3] == pytest.approx(0.05) and heights[3:] == pytest.approx(0.02)
    assert ages[:3] == pytest.approx(0.5) and ages[3:] == pytest.approx(2.5)


def test_a_floor_that_is_seen_is_news_too(memory: HeightMemory) -> None:
    memory.update(_look(slice(2, 4), 0.0), 11.0)
    assert not memory.heights[2:4].any()
    assert memory.ages(11.0)[2:4] == pytest.approx(0.0)


def test_a_new_episode_forgets_everything(memory: HeightMemory) -> None:
    memory.update(_look(slice(0, 3), 0.05), 12.0)
    memory.begin(np.zeros((8, 8)), 20.0)
    assert not memory.heights.any() and memory.ages(20.0) == pytest.approx(0.0)


def test_ages_are_never_negative(memory: HeightMemory) -> None:
    assert (memory.ages(9.0) == 0.0).all()


@pytest.mark.parametrize(
    ("heights", "words"),
    [
        (np.full((8, 8), np.nan), "64 values that are not finite"),
        (np.zeros((4, 4)), r"shape \(4, 4\) do not fit workspace 'left'"),
    ],
)
def test_bad_heights_are_refused_and_change_nothing(
    memory: HeightMemory, heights: np.ndarray, words: str
) -> None:
    for take in (memory.update, memory.begin):
        with pytest.raises(PerceptionError, match=words):
            take(heights, 11.0)
    assert memory.heights == pytest.approx(0.02) and memory.ages(11.0) == pytest.approx(1.0)


@pytest.fixture
def camera() -> FakeCamera:
    """Looks down on a floor 20 mm above the tray's."""
    camera = FakeCamera(WallClock(), floor_depth=1.3)
    camera.connect()
    return camera


def _depth(camera: FakeCamera) -> np.ndarray:
    return camera.capture().depth - np.float32(0.022)


def test_what_the_robot_hides_is_not_seen(camera: FakeCamera) -> None:
    depth, model = _depth(camera), camera.model
    free = np.zeros(depth.shape, bool)
    seen = visible_heights(depth, model, camera.T_base_camera, _TRAY, free)
    assert seen == pytest.approx(0.02, abs=1e-6)
    left = free.copy()
    left[:, :32] = True  # image left is base +y
    seen = visible_heights(depth, model, camera.T_base_camera, _TRAY, left)
    assert (seen[:, 5:] < 0.0).all() and seen[:, :3] == pytest.approx(0.02, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_blind_camera_is_named(camera: FakeCamera, value: float) -> None:
    depth = np.full(_depth(camera).shape, value, np.float32)
    with pytest.raises(PerceptionError, match="Only 0% of the depth image"):
        visible_heights(
            depth, camera.model, camera.T_base_camera, _TRAY, np.zeros(depth.shape, bool)
        )
