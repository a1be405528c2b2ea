"""Lets PyTorch's optimisers be used without its compiler, which they import and never ask anything of.

With what it brings it takes 120 MB of a process that learns, for nothing.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_NAME = "torch._dynamo"


class _StandIn(ModuleType):
    """What optimisers call of the compiler; asked for anything else, it makes way for the compiler."""

    @staticmethod
    def graph_break() -> None:
        """Nothing is compiled."""

    @staticmethod
    def disable(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Return a function as it is: it is not compiled anyway."""
        return function

    def __getattr__(self, name: str) -> Any:
        # Imports of what lies below it ask for `__path__`.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def stand_in_for_compiler() -> None:
    """Put a module in the compiler's place, unless it is imported already."""
    import torch

    if _NAME not in sys.modules:
        sys.modules[_NAME] = torch._dynamo = _StandIn(_NAME)
