"""Labels in a file: whole, small, and refused with a reason."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ConfigError, ReplayError
from equigrasp.learning.grasping.grasp_step import grasp_of, grasp_step
from equigrasp.learning.grasping.labels import read_labels, write_labels
from equigrasp.paths import find_labels
from equigrasp.replay.step import Step

YAWS = 8


def make_labels(num_scenes: int = 3, num_labels: int = 4) -> list[Step]:
    """Return labels of scenes that differ, as a script would give them."""
    labels: list[Step] = []
    for scene in range(num_scenes):
        heightmap = np.zeros((128, 128), np.uint16)
        heightmap[40 + scene : 60, 50:70] = 300 + scene
        for i in range(num_labels):
            place = 41 + scene, 52 + i, (scene + i) % YAWS
            labels.append(grasp_step(heightmap, *place, float(i % 2), len(labels)))
    return labels


def test_labels_come_back_as_they_were_and_scenes_are_kept_once(tmp_path: Path) -> None:
    path, labels = tmp_path / "a.labels.npz", make_labels()
    write_labels(path, iter(labels), YAWS)
    found = read_labels(path, YAWS)
    assert len(found) == 12
    for old, new in zip(labels, found, strict=True):
        a, b = grasp_of(old), grasp_of(new)
        assert (a.row, a.col, a.rotation_bin) == (b.row, b.col, b.rotation_bin)
        assert (old.reward, old.index) == (new.reward, new.index)
        assert np.array_equal(a.heightmap, b.heightmap)
    maps = {id(label.observation["heightmap"].base) for label in found}
    assert len(maps) == 1  # all scenes in one array, of which the labels hold views
    with np.load(path) as arrays:
        assert arrays["heightmaps"].shape == (3, 128, 128)
    assert [p.name for p in tmp_path.iterdir()] == ["a.labels.npz"]


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.labels.npz"
    write_labels(path, make_labels(), YAWS)
    whole = path.read_bytes()
    for damaged in (whole[:-30], whole[:100], b"", b"no archive"):
        path.write_bytes(damaged)
        with pytest.raises(ReplayError, match="a.labels.npz: not a whole file of labels"):
            read_labels(path, YAWS)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(ReplayError, match="a.labels.npz"):
        read_labels(path, YAWS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.txt", "text")
    with pytest.raises(ReplayError, match="not a whole file of labels"):
        read_labels(path, YAWS)


def test_labels_of_other_yaws_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.labels.npz"
    write_labels(path, make_labels(), YAWS)
    with pytest.raises(ReplayError, match=r"labels for 8 yaws .* this method has 16"):
        read_labels(path, 16)


def test_labels_are_found_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.labels.npz"
    write_labels(path, make_labels(), YAWS)
    assert find_labels(str(path)) == path
    with pytest.raises(ConfigError, match="Unknown labels 'nobody'. Known labels: "):
        find_labels("nobody")
    with pytest.raises(ConfigError, match="There is no file of labels 'b.labels.npz'"):
        find_labels("b.labels.npz")
