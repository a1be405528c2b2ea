"""The known methods, imported on use."""

import importlib
from typing import Any

from equigrasp.config import find_config, from_mapping, read_layers
from equigrasp.errors import ConfigError
from equigrasp.learning.method import Method

DEFAULT_METHOD = "equigrasp_compact"  # of runs that name none
_METHODS = {"asr": "equigrasp.methods.asr", "fcn": "equigrasp.methods.fcn"}


def find_method(name: str) -> Method[Any]:
    """Return a method by its name.

    Raises:
        ConfigError: if the method is unknown; lists the known ones.
    """
    if name not in _METHODS:
        raise ConfigError(
            f"Unknown method '{name}'. Known methods: {', '.join(sorted(_METHODS))}."
        )
    found: Method[Any] = importlib.import_module(_METHODS[name]).METHOD
    return found


def load_method(name: str) -> tuple[Method[Any], Any]:
    """Load `config/methods/<name>.yaml` (or a path) and return (method, configuration).

    A file whose key `extends` names another one holds only what differs from it.
    """
    path = find_config("methods", name)
    values = read_layers("methods", path)
    method = find_method(str(values.get("method", "")))
    return method, from_mapping(method.config, values, str(path))
