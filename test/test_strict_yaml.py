"""What a YAML file may hold."""

from pathlib import Path

import pytest

from equigrasp.config import find_config, from_mapping, load_config, read_yaml
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.safety import SafetyLimits
from equigrasp.errors import ConfigError

BOMB = "a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + "\n".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "\n".join(
    f"{new}: &{new} {{<<: [{', '.join(['*' + old] * 9)}]}}"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def _read(folder: Path, content: str | bytes) -> dict:
    path = folder / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: .*key 'a' stands twice, first in line 1"),
        ("top: {'a': 1, a: 2}", "key 'a' stands twice"),
        ("list:\n- a: 1\n  a: 2", "line 3: .*key 'a' stands twice"),
        ("true: 1\nyes: 2", "key 'True' stands twice"),
        ("1: a\n0x1: b", "key '1' stands twice"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}", "key '<<' stands twice"),
        ("[1, 2]: 3", "a key must be a plain word"),
        ("a: .nan", "'.nan' is not a finite number"),
        ("a: [1.0, -.inf]", "'-.inf' is not a finite number"),
        ("a: 1.0e+999", "'1.0e\\+999' is not a finite number"),
        ("# gr\u00f6\u00dfe\na: 1".encode("latin-1"), "line 1: byte 0xf6 is not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        (b"a: \x00", "not valid YAML"),
        ("a: 2026-13-45", "malformed: month must be"),
        ("a: 0x_", "malformed"),
        ("a: !!bool perhaps", "malformed"),
        ("a: !!timestamp today", "malformed"),
        ("a: " + "9" * 5000, "malformed"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: " + "[" * 5000, "nested deeper than 50"),
        ("\n".join("  " * i + "a:" for i in range(200)), "nested deeper than 50"),
        (BOMB, "more than 100000 values"),
        (MERGES, "more than 100000 values"),
        ("a: &a [*a]", "'\\*a' contains itself"),
        ("a: &a {<<: *a}", "'\\*a' contains itself"),
        ("a: 1\n---\na: 2", "but found another document"),
        ("# " + "x" * 1_000_000, "larger than 1000000 bytes"),
        ("- 1", "expected a mapping, found list"),
    ],
)
def test_what_no_file_may_hold(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=r"file\.yaml: " + ".*" + message):
        _read(tmp_path, content)


def test_a_merged_key_may_be_overridden(tmp_path: Path) -> None:
    text = "c: &c {x: 1, y: 1}\nb: &b {<<: *c, x: 2}\na: {<<: *b, y: 3}"
    assert _read(tmp_path, text)["a"] == {"x": 2, "y": 3}


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert _read(tmp_path, "\ufeffa: 1") == {"a": 1}


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("value", [".nan", "nan", "1e999", ".inf", "'-inf'"])
def test_no_number_switches_a_limit_off(tmp_path: Path, value: str) -> None:
    text = find_config("safety", "ur5").read_text()
    path = tmp_path / "safety.yaml"
    lines = [f"link_height: {value}" if "link_height:" in x else x for x in text.splitlines()]
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="finite"):
        load_config(SafetyLimits, "safety", str(path))


@pytest.mark.parametrize("suffix", [".yml", ".YAML"])
def test_either_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    path.write_text(find_config("cells", "ur5").read_text())
    (tmp_path / "safety.yml").write_text(find_config("safety", "ur5").read_text())
    path.write_text(path.read_text().replace("safety: ur5", "safety: safety.yml"))
    assert load_config(CellConfig, "cells", str(path)).name == "ur5"


def test_two_files_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cells").mkdir()
    monkeypatch.setattr("equigrasp.config.config_dir", lambda: tmp_path)
    (tmp_path / "cells" / "a.yml").write_text("name: a")
    assert find_config("cells", "a").name == "a.yml"
    (tmp_path / "cells" / "a.yaml").write_text("name: a")
    with pytest.raises(ConfigError, match=r"Both .*a\.yaml and .*a\.yml exist"):
        find_config("cells", "a")


def test_a_name_too_long_is_unknown() -> None:
    with pytest.raises(ConfigError, match="No configuration file"):
        find_config("cells", "a" * 300 + ".yaml")


def test_two_trays_of_one_name_are_refused() -> None:
    values = read_yaml(find_config("cells", "ur5"))
    values["workspaces"][1]["name"] = values["workspaces"][0]["name"]
    with pytest.raises(ConfigError, match="workspaces: 'left' stands twice"):
        from_mapping(CellConfig, values, "here")
