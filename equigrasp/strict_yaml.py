"""YAML in which every key stands once, every number is finite, and the size is bounded."""

import math
from pathlib import Path
from typing import Any

import yaml

from equigrasp.errors import ConfigError

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 50
_MAX_VALUES = 100_000  # with every alias written out
_MERGE, _VALUE = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"  # the keys `<<` and `=`


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; an empty file is an empty mapping.

    Raises:
        ConfigError: if the file cannot be read, is too large or not UTF-8, or as `parse_yaml`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes; no configuration is.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}: line {line}: byte 0x{content[error.start]:02x} is not UTF-8. Save the file "
            "as UTF-8."
        ) from error
    values = parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping, found {type(values).__name__}.")
    return values


def parse_yaml(text: str, where: str) -> Any:
    """Return the plain values of a YAML text; `where` names its source in errors.

    Raises:
        ConfigError: if it is not YAML, a key stands twice, a number is not finite, or it is too
            deep, too long with its aliases written out, or contains itself.
    """
    try:
        return yaml.load(text, _StrictLoader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        kind = "" if isinstance(error, _Refusal) else "not valid YAML: "
        raise ConfigError(f"{where}: {line}{kind}{error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML: {error}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What PyYAML itself does not catch: 2026-13-45, 0x_, !!bool maybe, !!timestamp today.
        raise ConfigError(f"{where}: not valid YAML: a value is malformed: {error}.") from error


class _Refusal(yaml.MarkedYAMLError):
    """YAML, but not what a configuration may hold."""


class _StrictLoader(yaml.SafeLoader):
    """Refuses while it reads, before anything large or deep is built."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[int, int] = {}  # of nodes, with their aliases written out

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _refusal(event, f"it is nested deeper than {_MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return node
        if id(node) not in self._sizes:
            if isinstance(event, yaml.AliasEvent):
                raise _refusal(event, f"'*{event.anchor}' contains itself")
            self._sizes[id(node)] = 1 + sum(self._sizes[id(child)] for child in _children(node))
        if self._sizes[id(node)] > _MAX_VALUES:
            raise _refusal(
                event, f"it holds more than {_MAX_VALUES} values, its aliases written out"
            )
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refusal(key_node, "a key must be a plain word or number")
            is_plain = key_node.tag not in (_MERGE, _VALUE)
            key = self.construct_object(key_node) if is_plain else key_node.value
            if key in lines:
                raise _refusal(
                    key_node, f"key '{key}' stands twice, first in line {lines[key] + 1}"
                )
            lines[key] = key_node.start_mark.line
        return node

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        value = super().construct_yaml_float(node)
        if not math.isfinite(value):
            raise _refusal(node, f"'{node.value}' is not a finite number")
        return value


_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_yaml_float)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _refusal(at: Any, problem: str) -> "_Refusal":
    return _Refusal(problem=problem, problem_mark=at.start_mark)
