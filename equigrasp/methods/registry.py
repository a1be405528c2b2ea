"""The known methods, imported on use."""

from typing import Any

from equigrasp.config import find_config, from_mapping, is_config_file, merge, read_yaml
from equigrasp.errors import ConfigError
from equigrasp.learning.method import Method
from equigrasp.learning.method_names import full_name, layer_files, name_from_file, sizes_of
from equigrasp.registry import Registry

METHODS = Registry(
    "method",
    {
        "asr": "equigrasp.methods.asr:METHOD",
        "fcn": "equigrasp.methods.fcn:METHOD",
        "push_grasp": "equigrasp.methods.push_grasp:METHOD",
        "qt_opt": "equigrasp.methods.qt_opt:METHOD",
    },
    is_open=True,
)


def find_method(name: str) -> Method[Any]:
    """Return a method.

    Args:
        name: One of ours, or `module:attribute`, where Python finds a `Method` of yours.

    Raises:
        ConfigError: if there is none of this name; lists the known ones.
    """
    found = METHODS.find(name)
    if not isinstance(found, Method):
        raise ConfigError(f"'{name}' is no Method but {type(found).__name__}. {METHODS.known}")
    return found


def load_method(name: str, size: str = "") -> tuple[Method[Any], Any]:
    """Compose a method's configuration and return (method, configuration).

    Args:
        name: `asr`, `asr/no_fcb` or `asr/no_fcb:compact`; or a path to a YAML file. A file whose
            key `extends` names a method, or another file, holds only what differs from it.
        size: Of the networks; see `full_name`.
    """
    values = _read(full_name(name, size), ())
    method = find_method(str(values.get("method", "")))
    return method, from_mapping(method.config, values, f"method {name}")


def _read(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of a full name or file, those that it extends below its own."""
    if name in above:
        raise ConfigError(f"{above[0]}: '{name}' extends itself.")
    if is_config_file(name):
        values = read_yaml(find_config("methods", name))
        base = values.pop("extends", None)
        if base is None:
            return values
        return merge(_read(full_name(name_from_file(str(base))), (*above, name)), values)
    base_file, variant_file = layer_files(name)
    if variant_file is None:
        return read_yaml(base_file)
    size, values = base_file.stem, read_yaml(variant_file)
    family = name.partition("/")[0]
    base = full_name(str(values.pop("extends", family)), size)
    own = values.pop("sizes", {})
    unknown = sorted(set(own) - set(sizes_of(family)))
    if unknown:
        raise ConfigError(f"{variant_file}: unknown size '{unknown[0]}'.")
    return merge(merge(_read(base, (*above, name)), values), own.get(size, {}))
