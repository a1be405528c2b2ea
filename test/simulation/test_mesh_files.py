"""Folders of meshes as they are found in the field."""

import argparse
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from equigrasp.cli.arguments import add_arguments, values_of
from equigrasp.cli.main import main
from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks import runner
from equigrasp.experiments.publishing import publication
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.object_sets.mesh_files import read_mesh_folder
from equigrasp.simulation.object_sets.mesh_folder import MeshFolderSet
from equigrasp.simulation.object_sets.registry import (
    check_object_set,
    make_object_set,
    with_unit,
)
from equigrasp.simulation.physics import Physics


def _box(path: Path, *sides: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lower().lstrip(".")
    path.write_bytes(_bytes(trimesh.creation.box(sides or (0.04, 0.05, 0.06)), kind))


def _bytes(mesh: trimesh.Trimesh, kind: str) -> bytes:
    content = mesh.export(file_type=kind)
    return content if isinstance(content, bytes) else content.encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one sound mesh."""
    _box(tmp_path / "meshes" / "good.obj")
    return tmp_path / "meshes"


def _reason(folder: Path, name: str) -> str:
    found = read_mesh_folder(folder)
    assert list(found.meshes) == ["good"]
    return found.left_out[name]


@pytest.mark.parametrize("name", ["PART1.STL", "Part.Obj", "a.PLY", "schl\u00fcssel 1.stl"])
def test_a_suffix_may_be_written_in_any_way(folder: Path, name: str) -> None:
    _box(folder / name)
    assert Path(name).stem in read_mesh_folder(folder).meshes


def test_meshes_in_sub_folders_are_found(tmp_path: Path) -> None:
    for number in range(6):
        for name in ("google_16k/nontextured.stl", "google_16k/textured.obj", "tsdf/textured.obj"):
            _box(tmp_path / "ycb" / f"00{number}_can" / name)
    objects = MeshFolderSet(tmp_path)
    assert len(objects.names("all")) == 18
    assert "ycb/000_can/tsdf/textured" in objects.names("train")
    test = {name.split("/")[1] for name in objects.names("test")}
    assert test == {"004_can"}  # no object is in both splits
    assert len(objects.names("train")) == 15


def test_of_two_formats_one_is_taken(folder: Path) -> None:
    for suffix in ("stl", "ply", "STL"):
        _box(folder / f"good.{suffix}")
    assert read_mesh_folder(folder).meshes["good"].path.suffix == ".obj"
    for suffix in ("stl", "ply", "STL"):
        assert "'good.obj' has the same name" in _reason(folder, f"good.{suffix}")


def test_what_is_no_file_is_left_out(folder: Path) -> None:
    (folder / "dangling.obj").symlink_to(folder / "nothing.obj")
    (folder / "circle.obj").symlink_to(folder / "circle.obj")
    (folder / "folder.obj").mkdir()
    os.mkfifo(folder / "pipe.stl")
    (folder / "._good.obj").write_bytes(b"\x00\x05\x16\x07")
    (folder / os.fsdecode(b"gr\xf6sse.obj")).write_bytes(b"")
    assert "leads nowhere" in _reason(folder, "dangling.obj")
    assert "leads nowhere" in _reason(folder, "circle.obj")
    assert _reason(folder, "folder.obj") == "a folder"
    assert _reason(folder, "pipe.stl") == "no regular file"
    assert _reason(folder, "._good.obj") == "hidden"
    assert "not UTF-8" in _reason(folder, "gr?sse.obj")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("bad.obj", b"v nan nan nan\nv 0 0 0\nv 1 0 0\nf 1 2 3\n", "not numbers"),
        ("bad.obj", b"", ""),
        ("bad.stl", b"", ""),
        ("bad.ply", b"ply\nformat ascii 1.0\nelement vertex 99999999999\n", ""),
        ("bad.stl", b"\x00" * 80 + b"\xff\xff\xff\x7f" + b"\x00" * 50, ""),
        ("bad.obj", b"v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nv 0 0 0.1\n", "no faces"),
        ("bad.obj", b"v 0 0\nv .05 0\nv 0 .05\nf 1 2 3\n", "2 coordinates, not 3"),
        ("bad.obj", b"v 0\nv .05\nv 1\nf 1 2 3\n", "1 coordinates, not 3"),
        ("bad.obj", b"v 0 0 0\nv .05 0 0\nv 0 .05 0\nf 1 2 9\n", ""),
        ("bad.obj", b"v 0 0 0\nv .05 0 0\nv 0 .05 0\nf 1 2 3\n", "flat: 0 mm"),
        ("bad.obj", b"v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n", "too small"),
        ("bad.obj", b"v 0 0 0\nv 1e300 0 0\nv 0 1e300 1e300\nf 1 2 3\n", "too large"),
    ],
)
def test_what_is_no_mesh_is_left_out(folder: Path, name: str, content: bytes, reason: str) -> None:
    (folder / name).write_bytes(content)
    assert reason in _reason(folder, name) != ""
    with pytest.raises(ConfigError, match=f"'{name}' was left out"):
        MeshFolderSet(folder).load(Physics(), "bad", Transform.identity())


def test_a_folder_without_meshes_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.obj").mkdir()
    for check in (check_object_set, make_object_set):
        with pytest.raises(ConfigError, match=r"no mesh that can be used.*'a\.obj': a folder"):
            check(str(tmp_path))


def test_an_unreadable_mesh_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _box(folder / "secret.obj")
    really = Path.open

    def refuse(path: Path, *args: str) -> object:
        if path.name == "secret.obj":
            raise PermissionError(13, "Permission denied")
        return really(path, *args)

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in _reason(folder, "secret.obj")


@pytest.mark.parametrize(
    ("sides", "unit", "millimetres"),
    [
        ((20, 20, 30), "mm", (20, 20, 30)),
        ((0.02, 0.02, 0.03), "m", (20, 20, 30)),
        ((2.0, 2.0, 3.0), "cm", (20, 20, 30)),
        ((200, 60, 40), "mm", (40, 60, 200)),
    ],
)
def test_units_are_guessed(
    tmp_path: Path, sides: tuple[float, ...], unit: str, millimetres: tuple[float, ...]
) -> None:
    _box(tmp_path / "box.stl", *sides)
    mesh = read_mesh_folder(tmp_path).meshes["box"]
    assert mesh.unit == unit
    assert mesh.extents == pytest.approx([s / 1000.0 for s in millimetres])


def test_a_small_mesh_goes_with_its_folder(tmp_path: Path) -> None:
    _box(tmp_path / "part.stl", 20, 20, 30)
    _box(tmp_path / "pin.stl", 3, 3, 4.9)
    found = read_mesh_folder(tmp_path)
    assert found.left_out["pin.stl"] == "too small: 4.9 mm long, taken as mm"


def test_units_may_be_told(tmp_path: Path) -> None:
    _box(tmp_path / "box.stl", 1, 1, 2)
    objects = with_unit(f"household+{tmp_path}", "inch")
    assert objects == f"household+{tmp_path}:inch"
    check_object_set(objects)
    assert read_mesh_folder(tmp_path, "inch").meshes["box"].extents[2] == pytest.approx(0.0508)
    assert with_unit("household", "") == "household"
    with pytest.raises(ConfigError, match="names none"):
        with_unit("household", "mm")
    with pytest.raises(ConfigError, match="Unknown unit 'feet'"):
        with_unit(str(tmp_path), "feet")


def test_what_became_of_the_meshes_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    _box(folder / "long.stl", 20, 30, 240)
    (folder / "bad.obj").mkdir()
    with caplog.at_level(logging.WARNING):
        found = read_mesh_folder(folder)
    assert found.meshes["long"].shrinkage == pytest.approx(0.5)
    assert "2 used, in m and mm (guessed from their sizes; --units says otherwise)" in caplog.text
    assert "'long' is 20 x 30 x 240 mm (mm), made 0.5 times as large" in caplog.text
    assert "'bad.obj' is left out: a folder" in caplog.text


def test_two_sets_that_share_a_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _box(tmp_path / name / "mug.obj")
    with pytest.raises(ConfigError, match="'mug' stands twice"):
        make_object_set(f"{tmp_path / 'a'}+{tmp_path / 'b'}")


@pytest.mark.parametrize("letters", [235, 251])
def test_a_long_name_is_loaded_in_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = "a" * letters
    _box(tmp_path / "meshes" / f"{name}.stl", 20, 20, 30)
    objects, physics = make_object_set(str(tmp_path / "meshes")), Physics()
    body = objects.load(physics, name, Transform.identity())
    low, high = (np.array(v) for v in physics.client.getAABB(body))
    assert np.sort(high - low) == pytest.approx([0.02, 0.02, 0.03], abs=0.005)  # its margin
    physics.close()


def test_a_mesh_that_goes_away_is_named(folder: Path) -> None:
    objects = MeshFolderSet(folder)
    (folder / "good.obj").unlink()
    with pytest.raises(ConfigError, match="has changed meanwhile"):
        objects.load(Physics(), "good", Transform.identity())


def test_the_command_line_takes_units(tmp_path: Path) -> None:
    _box(tmp_path / "box.stl", 1, 1, 2)
    parser = argparse.ArgumentParser()
    add_arguments(parser, "sim")
    words = ["--objects", str(tmp_path), "--units", "inch"]
    assert values_of(parser.parse_args(words), "sim")["objects"] == f"{tmp_path}:inch"


@pytest.mark.parametrize("words", [["bench", "table1"], ["publish", "run", "--name", "a"]])
def test_other_commands_take_units(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _box(tmp_path / "box.stl", 1, 1, 2)
    orders: list[object] = []
    monkeypatch.setattr(publication, "publish", lambda order, say: orders.append(order))
    monkeypatch.setattr(runner, "run_plan", lambda task, *_: orders.append(task) or 0)
    words += ["--out", str(tmp_path / "out")]
    main([*words, "--objects", str(tmp_path), "--units", "inch"])
    assert f"{tmp_path}:inch" in repr(orders)
    assert main([*words, "--objects", "household", "--units", "inch"]) == 2


def test_units_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="Units are of a folder of meshes"):
        with_unit("", "mm")
