"""The oracle's choices on heightmaps drawn by hand."""

import numpy as np
import pytest

from equigrasp.environments.oracle import Oracle, OracleConfig, is_empty
from equigrasp.errors import PerceptionError
from equigrasp.geometry.angles import angle_distance
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation


def _bar(
    workspace: Workspace, angle: float, half: tuple[float, float], at: int = 64
) -> Observation:
    """A bar whose long axis lies at `angle` from the row axis, 30 mm high; `half` extents [px]."""
    size = workspace.heightmap_size_px
    rows, cols = np.meshgrid(np.arange(size) - at, np.arange(size) - at, indexing="ij")
    along = rows * np.cos(angle) + cols * np.sin(angle)
    across = -rows * np.sin(angle) + cols * np.cos(angle)
    is_bar = (np.abs(along) <= half[0]) & (np.abs(across) <= half[1])
    return Observation.of_heightmap(np.where(is_bar, 0.03, 0.0).astype(np.float32), workspace)


@pytest.mark.parametrize("angle", [0.0, np.pi / 8, np.pi / 2, 2.5])
def test_a_bar_is_grasped_across_its_narrow_axis_near_its_middle(
    workspace: Workspace, angle: float
) -> None:
    grasp = Oracle().choose(_bar(workspace, angle, (20, 5)))
    assert angle_distance(grasp.theta, angle + np.pi / 2) <= np.pi / 16 + 1e-6
    x, y = workspace.pixel_to_xy(64, 64)
    offset = (grasp.x - x) * -np.sin(angle) + (grasp.y - y) * np.cos(angle)
    assert abs(offset) < 0.01  # centred across the bar
    assert workspace.floor_z < grasp.z < workspace.floor_z + 0.02


def test_a_slab_that_fills_the_tray_offers_no_grasp(workspace: Workspace) -> None:
    with pytest.raises(PerceptionError, match="finds no grasp in workspace 'left'"):
        Oracle().choose(_bar(workspace, 0.0, (70, 70)))


def test_choices_after_failures_differ(workspace: Workspace) -> None:
    observation = _bar(workspace, 0.3, (20, 5))
    oracle = Oracle()
    first, second = (oracle.choose(observation, n) for n in (0, 1))
    distance = np.hypot(first.x - second.x, first.y - second.y)
    assert distance > 0.015 or angle_distance(first.theta, second.theta) > 0.25


def test_the_same_heightmap_gives_the_same_choice(workspace: Workspace) -> None:
    observation = _bar(workspace, 1.1, (15, 6))
    assert Oracle().choose(observation) == Oracle().choose(observation)


def test_a_bare_floor_is_empty_and_walls_do_not_count(workspace: Workspace) -> None:
    bare = np.zeros((workspace.heightmap_size_px,) * 2, np.float32)
    bare[: workspace.border_px] = 0.05
    assert is_empty(Observation.of_heightmap(bare, workspace))
    assert not is_empty(_bar(workspace, 0.0, (10, 5)))
    few = OracleConfig(min_object_pixels=10_000)
    assert is_empty(_bar(workspace, 0.0, (10, 5)), few)
