"""The known methods, imported on use."""

import importlib
from types import ModuleType
from typing import Any

from equigrasp.config import find_config, from_mapping, read_layers
from equigrasp.errors import ConfigError

DEFAULT_METHOD = "equigrasp_compact"  # of runs that name none
_METHODS = {"asr": "equigrasp.methods.asr", "fcn": "equigrasp.methods.fcn"}


def method_package(name: str) -> ModuleType:
    """Return a method's package, which offers Config, make_networks, make_policy, make_learner.

    Raises:
        ConfigError: if the method is unknown; lists the known ones.
    """
    if name not in _METHODS:
        raise ConfigError(
            f"Unknown method '{name}'. Known methods: {', '.join(sorted(_METHODS))}."
        )
    return importlib.import_module(_METHODS[name])


def load_method(name: str) -> tuple[ModuleType, Any]:
    """Load `config/methods/<name>.yaml` (or a path) and return (package, configuration).

    A file whose key `extends` names another one holds only what differs from it.
    """
    path = find_config("methods", name)
    values = read_layers("methods", path)
    package = method_package(str(values.get("method", "")))
    return package, from_mapping(package.Config, values, str(path))
