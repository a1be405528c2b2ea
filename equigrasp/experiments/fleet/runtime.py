"""What every engine offers that runs the roles of a fleet, and how roles are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from equigrasp.errors import EquigraspError
from equigrasp.experiments.fleet.message import (
    FleetError,
    PeerGoneError,
    pack_message,
    unpack_message,
)
from equigrasp.registry import import_from

REPORT = "report"  # what every role can be asked for
_DONE, _REFUSED = "done", "refused"


class Role(Protocol):
    """One part of a fleet: a plain class that knows no engine."""

    @property
    def offers(self) -> frozenset[str]:
        """Methods that others may call; they take and return plain values, lists of them, and bytes."""
        ...

    def turn(self) -> bool:
        """Do a piece of work; tell whether there was any."""
        ...

    def report(self) -> dict[str, float]:
        """Return figures for the monitor, by name."""
        ...

    def close(self) -> None:
        """Save what is worth it, and let go of files and devices."""
        ...


class Peers(Protocol):
    """The other roles, by name."""

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """Call a role's method and return what it returned.

        Raises:
            PeerGoneError: if it does not answer; whether it did what was asked is not known.
            FleetError: if it refused; names role, method and reason.
        """
        ...


@dataclass(frozen=True)
class RoleSpec:
    """How a role is made, in whatever process.

    Args:
        make: `module:function`, called with the role's name, settings and peers.
        settings: Plain values, as JSON knows them.
        resources: What the role needs of a machine, for engines that place roles: `robot`, `sim`, `gpu`.
        has_files: Whether it keeps files in the run folder, so that it runs on the machine of the command.
    """

    make: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    has_files: bool = False

    def build(self, name: str, peers: Peers) -> Role:
        """Return the role."""
        role: Role = import_from(self.make)(name, self.settings, peers)
        return role


@dataclass(frozen=True)
class RoleState:
    """How a role is.

    Args:
        is_alive: Whether it runs.
        num_restarts: How often it was started again.
        figures: What it reported last; empty: nothing yet.
        reason: Why it ended last; empty: it has not.
    """

    is_alive: bool
    num_restarts: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


class Runtime(Protocol):
    """An engine: starts roles, carries calls, starts again what has died."""

    def start(self, cast: Mapping[str, RoleSpec]) -> None:
        """Start roles by name, in this order."""
        ...

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """See `Peers.call`."""
        ...

    def tell(self, name: str, method: str, *arguments: Any) -> None:
        """Call a role's method at most once, and do not wait for it; a role that is gone hears nothing."""
        ...

    def watch(self) -> dict[str, RoleState]:
        """Start again what has died, let time pass, and return how the roles are."""
        ...

    def stop(self) -> None:
        """End all roles, in the reverse order; may be called twice."""
        ...


def answer(role: Role, request: bytes) -> bytes:
    """Return a role's answer to a packed call; what it refuses is an answer too."""
    try:
        method, arguments = unpack_message(request)
        if method == REPORT:
            return pack_message(_DONE, [role.report()])
        if method not in role.offers:
            known = ", ".join(sorted(role.offers)) or "nothing"
            raise FleetError(f"'{method}' is not offered; known: {known}.")
        found = getattr(role, method)(*arguments)
        return pack_message(_DONE, found if isinstance(found, list | tuple) else [found])
    except (EquigraspError, TypeError, ValueError) as error:
        return pack_message(_REFUSED, [f"{type(error).__name__}: {error}"])


def read_answer(name: str, method: str, reply: bytes) -> list[Any]:
    """Return what a role returned; raise `FleetError` if it refused."""
    kind, values = unpack_message(reply)
    if kind != _DONE:
        raise FleetError(f"'{name}' refused {method}: {values[0] if values else kind}")
    return values


def take_turn(role: Role) -> bool:
    """Let a role do a piece of work; one that misses another waits for it."""
    try:
        return role.turn()
    except PeerGoneError:
        return False


def names_of(cast: Sequence[str] | Mapping[str, RoleSpec], kind: str) -> list[str]:
    """Return the names of all roles of a kind: the kind, and a number from 0."""
    return sorted(
        (n for n in cast if n.rstrip("0123456789") == kind), key=lambda n: int(n[len(kind) :] or 0)
    )
