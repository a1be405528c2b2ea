"""Load YAML into frozen dataclasses, strictly."""

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from equigrasp.errors import ConfigError
from equigrasp.paths import config_dir
from equigrasp.strict_yaml import parse_yaml
from equigrasp.strict_yaml import read_yaml as read_yaml

T = TypeVar("T")
_SUFFIXES = (".yaml", ".yml")


def load_config(cls: type[T], kind: str, name: str) -> T:
    """Load `config/<kind>/<name>.yaml` (or a path to a YAML file) into a dataclass.

    Args:
        cls: Frozen dataclass to fill.
        kind: Folder below `config/`, such as `cells`.
        name: File name without its suffix, or a path that ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: if the file, a key or a value is unknown, missing or invalid.
    """
    path = find_config(kind, name)
    return from_mapping(cls, _beside(path, read_yaml(path)), str(path))


def _beside(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a file with the files beside it, which it names, found from anywhere."""

    def found(value: Any) -> Any:
        if isinstance(value, dict):
            return _beside(path, value)
        is_beside = (
            isinstance(value, str) and is_config_file(value) and _is_file(path.parent / value)
        )
        return str(path.parent / value) if is_beside else value

    return {key: found(value) for key, value in values.items()}


def is_config_file(name: str) -> bool:
    """Tell whether a name is the path of a YAML file rather than a name below `config/`."""
    return name.lower().endswith(_SUFFIXES)


def config_files(kind: str) -> dict[str, Path]:
    """Return the files of a folder below `config/` by name, sorted.

    Raises:
        ConfigError: if two files bear the same name.
    """
    found: dict[str, Path] = {}
    folder = config_dir() / kind
    for path in sorted(p for suffix in _SUFFIXES for p in folder.glob(f"*{suffix}")):
        if path.stem in found:
            raise ConfigError(f"Both {found[path.stem]} and {path} exist. Remove one.")
        found[path.stem] = path
    return found


def find_config(kind: str, name: str) -> Path:
    """Return the path of a named configuration; raise `ConfigError` that lists the known ones."""
    if is_config_file(name):
        path = Path(name)
        if _is_file(path):
            return path
        raise ConfigError(f"No configuration file '{name}'.")
    known = config_files(kind)
    if name in known:
        return known[name]
    raise ConfigError(
        f"Unknown {kind.rstrip('s')} '{name}'. Known {kind}: {', '.join(known) or 'none'}."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def check_distinct(key: str, names: Iterable[str]) -> None:
    """Raise `ConfigError` if a name stands twice in a list."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(f"{key}: '{name}' stands twice.")
        seen.add(name)


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return one nested mapping on top of another."""
    both = below | above
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            both[key] = merge(below[key], above[key])
    return both


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build dataclass `cls` from a mapping; `where` names its source in errors.

    Raises:
        ConfigError: on unknown or missing keys, wrong types, or a failed validation.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(map(str, set(values) - set(fields)))
    if unknown:
        raise ConfigError(
            f"{where}: unknown key '{unknown[0]}'. Known keys: {', '.join(sorted(fields))}."
        )
    for name, field in fields.items():
        has_default = (
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        )
        if name not in values and not has_default:
            raise ConfigError(f"{where}: missing key '{name}'.")
    hints = typing.get_type_hints(cls)
    converted = {k: _convert(hints[k], v, f"{where}: {k}") for k, v in values.items()}
    try:
        return cls(**converted)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def to_mapping(config: Any) -> dict[str, Any]:
    """Turn a dataclass into plain dicts, lists and numbers that YAML can hold."""
    return typing.cast(dict[str, Any], _plain(dataclasses.asdict(config)))


def override(config: T, overrides: Mapping[str, str], where: str = "command line") -> T:
    """Return a copy with dotted keys replaced, values parsed as YAML (`{"optimizer.lr": "1e-3"}`)."""
    values = to_mapping(config)
    for key, text in overrides.items():
        node = values
        *parents, last = key.split(".")
        for parent in parents:
            if not isinstance(node.get(parent), dict):
                raise ConfigError(f"{where}: unknown key '{key}'.")
            node = node[parent]
        node[last] = parse_yaml(text, f"{where}: {key}")
    return from_mapping(type(config), values, where)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        kind = getattr(hint, "config_kind", None)  # a part with files of its own is named
        if kind and isinstance(value, str):
            return load_config(typing.cast(type, hint), kind, value)
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a mapping, found {value!r}.")
        return from_mapping(typing.cast(type, hint), value, where)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(hint):
            return None
        inner = [h for h in typing.get_args(hint) if h is not type(None)]
        return _convert(inner[0], value, where)
    if origin is tuple:
        return _convert_tuple(hint, value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a mapping, found {value!r}.")
        value_hint = typing.get_args(hint)[1]
        return {k: _convert(value_hint, v, f"{where}.{k}") for k, v in value.items()}
    if origin is typing.Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(map(repr, typing.get_args(hint)))
            raise ConfigError(f"{where}: {value!r} is not one of {choices}.")
        return value
    return _convert_scalar(hint, value, where)


def _convert_tuple(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    args = typing.get_args(hint)
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{where}: expected a list, found {value!r}.")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(args) != len(value):
        raise ConfigError(f"{where}: expected {len(args)} values, found {len(value)}.")
    return tuple(
        _convert(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(args, value, strict=True))
    )


def _convert_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)  # YAML reads 1e-4 as a string
        except (ValueError, OverflowError):
            number = None
        if number is not None and not math.isfinite(number):
            raise ConfigError(f"{where}: expected a finite number, found {value}.")
        if number is not None:
            return number
    if hint in (int, str, bool, float) and type(value) is not hint:
        raise ConfigError(f"{where}: expected {hint.__name__}, found {value!r}.")
    return value
