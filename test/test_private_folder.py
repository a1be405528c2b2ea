"""Temporary files that nobody else can put there."""

import os
import stat
from pathlib import Path

import pytest

from equigrasp import private_folder
from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.robot_description import assemble
from equigrasp.errors import ConfigError
from equigrasp.private_folder import cache_folder, keep, temporary_folder


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of everybody, fresh for each test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private_folder._temporary_folder.cache_clear()
    return tmp_path


def _assemble() -> Path:
    cell = load_config(CellConfig, "cells", "ur5")
    return assemble(cell.load_arm(), cell.load_gripper())


def _name(base: Path) -> Path:
    return base / f"equigrasp_{os.getuid()}"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_user_can_enter_it(base: Path) -> None:
    assert temporary_folder("urdf") == _name(base) / "urdf"
    assert _mode(temporary_folder("urdf")) == 0o700


def test_an_open_folder_is_closed(base: Path) -> None:
    _name(base).mkdir()
    _name(base).chmod(0o777)
    assert _mode(temporary_folder("urdf")) == 0o700


def test_a_link_inside_is_left_alone(base: Path) -> None:
    _name(base).mkdir()
    (base / "elsewhere").mkdir()
    (_name(base) / "urdf").symlink_to(base / "elsewhere")
    assert _assemble().is_file()
    assert not list((base / "elsewhere").iterdir())


def test_another_users_folder_is_left_alone(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _name(base).mkdir()
    number = os.getuid() + 1
    (base / f"equigrasp_{number}").mkdir()
    monkeypatch.setattr("os.getuid", lambda: number)
    path = _assemble()
    assert path.is_file() and f"equigrasp_{number}/" not in str(path)
    assert _mode(temporary_folder("urdf")) == 0o700


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_is_no_folder_is_left_alone(base: Path, kind: str) -> None:
    elsewhere = base / "elsewhere"
    if kind == "file":
        _name(base).touch()
    else:
        _name(base).symlink_to(elsewhere)
    if kind == "link":
        elsewhere.mkdir()
    assert _assemble().is_file()
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


@pytest.mark.parametrize("kind", ["file", "link", "short"])
def test_a_foreign_file_of_the_right_name_is_replaced(base: Path, kind: str) -> None:
    path = _assemble()
    content = path.read_bytes()
    foreign = content.replace(b"0.425", b"0.765")
    if kind == "link":
        path.unlink()
        (base / "foreign").write_bytes(foreign)
        path.symlink_to(base / "foreign")
    else:
        path.write_bytes(foreign if kind == "file" else content[:100])
    assert _assemble() == path
    assert path.read_bytes() == content and not path.is_symlink()


def test_a_file_as_it_should_be_stays(base: Path) -> None:
    before = _assemble().stat()
    assert _assemble().stat().st_mtime_ns == before.st_mtime_ns
    assert [p.name for p in temporary_folder("urdf").iterdir() if p.suffix != ".urdf"] == []


def test_what_cannot_be_written_is_named(base: Path) -> None:
    (base / "file").touch()
    with pytest.raises(ConfigError, match="'.*file/x' cannot be written: File exists"):
        keep(base / "file" / "x", b"")


def test_no_temporary_folder_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    with pytest.raises(ConfigError, match="Set TMPDIR"):
        temporary_folder("urdf")


@pytest.mark.parametrize("cache", ["file/x", "", "relative"])
def test_a_cache_that_cannot_be_gives_way(
    base: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    (base / "file").touch()
    value = str(base / cache) if "/" in cache else cache
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", str(base / "file"))
    assert cache_folder("urdf") == temporary_folder("urdf")


def test_the_cache_lies_where_it_is_asked_for(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "mine"))
    assert cache_folder("urdf") == base / "mine" / "equigrasp" / "urdf"
    assert _mode(cache_folder("urdf")) == 0o700
