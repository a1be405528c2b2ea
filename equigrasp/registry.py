"""Things by name, imported when one is wanted."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from equigrasp.errors import ConfigError


def import_from(place: str) -> Any:
    """Return what `module:attribute` names; errors as of an import, `AttributeError`, `ValueError`."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Registry(Mapping[str, str]):
    """Where things of one kind are found: a mapping from names to `module:attribute`.

    Args:
        kind: What they are, for messages, as `method`.
        places: `module:attribute` by name; nothing is imported before it is wanted.
        is_open: Whether a name may also be `module:attribute` itself, for what others bring.
    """

    def __init__(self, kind: str, places: Mapping[str, str], *, is_open: bool = False) -> None:
        self._kind, self._places, self._is_open = kind, dict(places), is_open

    def __getitem__(self, name: str) -> str:
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def known(self) -> str:
        """The names, for messages."""
        own = f"; or name your own, module:{self._kind.upper()}" if self._is_open else ""
        return f"Known {self._kind}s: {', '.join(sorted(self._places))}{own}."

    def find(self, name: str) -> Any:
        """Import what a name stands for.

        Raises:
            ConfigError: if the name is unknown, or its place cannot be imported; lists the known names.
        """
        place = self._places.get(name, name if self._is_open else "")
        if ":" not in place:
            raise ConfigError(f"Unknown {self._kind} '{name}'. {self.known}")
        try:
            return import_from(place)
        except (ImportError, AttributeError, ValueError) as error:
            message = f"Cannot load {self._kind} '{name}': {error}. {self.known}"
            raise ConfigError(message) from error
