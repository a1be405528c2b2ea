"""Lets escnn be imported without lie-learn, and without waiting for SciPy's statistics.

It names lie-learn for SO(3) only; lie-learn has no wheels for Python 3.13 and binds the others to
NumPy 1; nothing in the plane needs it. Statistics take a third of the time that escnn's own import
takes, for one way to initialize weights that nobody here asks for.
"""

import importlib.util
import sys
from types import ModuleType
from typing import NoReturn

_PACKAGES = ("lie_learn", "lie_learn.representations", "lie_learn.representations.SO3")
_MODULE = "lie_learn.representations.SO3.wigner_d"
_STATISTICS = "scipy.stats"


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


def postpone_statistics() -> None:
    """Have `from scipy import stats` give a module that loads when something in it is used."""
    spec = importlib.util.find_spec(_STATISTICS)
    if _STATISTICS in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[_STATISTICS] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Found there, it is not asked for its specification, which would load it.
    sys.modules["scipy"].stats = module  # type: ignore[attr-defined]


def _refuse(*arguments: object, **options: object) -> NoReturn:
    raise ImportError("Representations of SO(3) need lie-learn, which equigrasp does not install.")
