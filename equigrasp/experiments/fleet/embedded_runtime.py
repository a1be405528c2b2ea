"""All roles in one process, in turn: what comes out is a function of seed and logs, bit for bit."""

import contextlib
from collections.abc import Mapping
from typing import Any

from equigrasp.experiments.fleet.message import FleetError, PeerGoneError, pack_message
from equigrasp.experiments.fleet.runtime import (
    Role,
    RoleSpec,
    RoleState,
    answer,
    read_answer,
    take_turn,
)


class EmbeddedRuntime:
    """See `Runtime`. Calls go through the same bytes as between processes.

    Time passes in `watch` alone: each role takes one turn, in the order in which they were started.
    """

    def __init__(self) -> None:
        self._roles = dict[str, Role]()

    def start(self, cast: Mapping[str, RoleSpec]) -> None:
        """See `Runtime.start`."""
        try:
            for name, spec in cast.items():
                self._roles[name] = spec.build(name, self)
        except BaseException:
            self.stop()  # logs have one writer
            raise

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """See `Runtime.call`."""
        if name not in self._roles:
            raise PeerGoneError(f"There is no '{name}'; {', '.join(self._roles)} are there.")
        reply = answer(self._roles[name], pack_message(method, arguments))
        return read_answer(name, method, reply)

    def tell(self, name: str, method: str, *arguments: Any) -> None:
        """See `Runtime.tell`."""
        with contextlib.suppress(FleetError):
            self.call(name, method, *arguments)

    def watch(self) -> dict[str, RoleState]:
        """See `Runtime.watch`."""
        for role in self._roles.values():
            take_turn(role)
        return {name: RoleState(True, 0, role.report()) for name, role in self._roles.items()}

    def stop(self) -> None:
        """See `Runtime.stop`."""
        for name in reversed(list(self._roles)):
            self._roles.pop(name).close()
