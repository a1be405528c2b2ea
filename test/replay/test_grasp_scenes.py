"""Scenes with tried grasps: on disk and back, and turned with all that is in them."""

from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ReplayError
from equigrasp.replay.grasp_scenes import GraspOutcomeKind, GraspScene
from equigrasp.replay.scene_augment import augment_scene

_SIZE, _YAWS = 65, 18


def _scene() -> GraspScene:
    """Return a bar along rows, 40 mm high, right of the middle, and a grasp across it."""
    heightmap = np.zeros((_SIZE, _SIZE), np.float32)
    labels = np.zeros((_SIZE, _SIZE), np.uint8)
    heightmap[20:41, 40:45], labels[20:41, 40:45] = 0.04, 3
    grasps = np.array([[3, 30, 42, 9, GraspOutcomeKind.TARGET], [3, 22, 41, 0, 0]], np.int32)
    return GraspScene(heightmap, labels, grasps, np.array([0.085, 0.04]), _YAWS, "test")


def test_a_scene_comes_back_from_disk(tmp_path: Path) -> None:
    scene, path = _scene(), tmp_path / "scene.npz"
    scene.save(path)
    read = GraspScene.load(path)
    assert np.abs(read.heightmap - scene.heightmap).max() < 1e-5
    assert np.array_equal(read.labels, scene.labels)
    assert np.array_equal(read.grasps, scene.grasps)
    assert read.widths == pytest.approx(scene.widths)
    assert (read.num_rotations, read.source) == (_YAWS, "test")
    assert path.stat().st_size < 50_000


def test_a_damaged_or_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scene.npz"
    _scene().save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ReplayError, match=r"scene\.npz: not a whole scene"):
        GraspScene.load(path)
    np.savez(path, something=np.zeros(3))
    with pytest.raises(ReplayError, match=r"scene\.npz"):
        GraspScene.load(path)
    with pytest.raises(ReplayError, match="out of"):
        GraspScene(np.zeros((4, 4)), np.zeros((4, 4)), np.array([[1, 9, 0, 0, 0]]), np.ones(1), 18)


def test_outcomes_tell_the_target_from_its_neighbours() -> None:
    kind = GraspOutcomeKind
    assert kind.of(5, ()) is kind.NOTHING
    assert kind.of(5, (5,)) is kind.TARGET
    assert kind.of(5, (4, 5)) is kind.TARGET_AND_OTHERS
    assert kind.of(5, (4,)) is kind.OTHERS


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("num_steps", [0, 5, 9, 18, 30])
def test_a_grasp_across_a_bar_stays_across_it(num_steps: int, is_mirrored: bool) -> None:
    turned = augment_scene(_scene(), num_steps, is_mirrored, (3, -2))
    (_, row, col, rotation_bin, outcome), width = turned.grasps[0], turned.widths[0]
    assert turned.labels[row, col] == 3 and outcome == GraspOutcomeKind.TARGET and width == 0.085
    theta = np.pi * rotation_bin / _YAWS
    along = np.array([np.cos(theta), np.sin(theta)])
    across = np.array([-along[1], along[0]])
    for distance in (6.0, -6.0):  # the bar is 5 px wide, and 21 long
        r, c = np.round([row, col] + distance * along).astype(int)
        assert turned.labels[r, c] == 0
        r, c = np.round([row, col] + distance * across).astype(int)
        assert turned.labels[r, c] == 3 and turned.heightmap[r, c] == pytest.approx(0.04, abs=4e-3)


def test_a_whole_turn_changes_nothing_and_what_leaves_the_map_is_left_out() -> None:
    scene = _scene()
    same = augment_scene(scene, 2 * _YAWS, False, (0, 0))
    assert np.array_equal(same.labels, scene.labels)
    assert np.array_equal(same.grasps, scene.grasps)
    assert len(augment_scene(scene, 0, False, (0, 40)).grasps) == 0
