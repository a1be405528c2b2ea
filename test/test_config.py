"""Strict configuration."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from equigrasp.config import from_mapping, load_config, override, to_mapping
from equigrasp.devices.cell import CellConfig
from equigrasp.errors import ConfigError
from equigrasp.methods.asr.config import AsrConfig


@dataclass(frozen=True)
class _Inner:
    a: float = 1.0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Outer:
    n: int
    inner: _Inner = field(default_factory=_Inner)


def test_a_mapping_round_trips() -> None:
    config = from_mapping(_Outer, {"n": 2, "inner": {"a": "1e-3", "names": ["x"]}}, "here")
    assert config == _Outer(2, _Inner(0.001, ("x",)))
    assert from_mapping(_Outer, to_mapping(config), "there") == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n": 1, "m": 2}, "here: unknown key 'm'"),
        ({}, "here: missing key 'n'"),
        ({"n": "one"}, "here: n: expected int"),
        ({"n": True}, "here: n: expected int"),
        ({"n": 1, "inner": {"b": 2}}, "here: inner: unknown key 'b'"),
        ({"n": 1, "inner": 3}, "here: inner: expected a mapping"),
    ],
)
def test_errors_name_the_source_and_the_key(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(_Outer, values, "here")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Known cells: gantry, kuka, kuka_table, ur5, ur5_table"):
        load_config(CellConfig, "cells", "ur6")


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_config(CellConfig, "cells", str(path))


def test_dotted_overrides_reach_nested_keys() -> None:
    config = override(AsrConfig(), {"training.learning_rate": "1e-3"})
    assert config.training.learning_rate == 1e-3
    with pytest.raises(ConfigError, match=r"training\.nothing|nothing"):
        override(AsrConfig(), {"training.nothing": "1"})
