"""Lets escnn be imported without lie-learn, which it names for SO(3) only.

lie-learn has no wheels for Python 3.13 and binds the others to NumPy 1; nothing in the plane needs it.
"""

import importlib.util
import sys
from types import ModuleType
from typing import NoReturn

_PACKAGES = ("lie_learn", "lie_learn.representations", "lie_learn.representations.SO3")
_MODULE = "lie_learn.representations.SO3.wigner_d"


def stand_in_for_lie_learn() -> None:
    """Put modules in lie-learn's place, unless it is installed; its one function then raises."""
    if importlib.util.find_spec("lie_learn") is not None:
        return
    for name in _PACKAGES:
        package = ModuleType(name)
        package.__path__ = []
        sys.modules[name] = package
    module = ModuleType(_MODULE)
    module.wigner_D_matrix = _refuse  # type: ignore[attr-defined]
    sys.modules[_MODULE] = module


def _refuse(*arguments: object, **options: object) -> NoReturn:
    raise ImportError("Representations of SO(3) need lie-learn, which equigrasp does not install.")
