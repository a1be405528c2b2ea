"""Calls between processes of one machine: framed bytes over sockets of a private folder, with a key."""

import contextlib
import logging
import multiprocessing
import threading
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from equigrasp.experiments.fleet.message import PeerGoneError, pack_message
from equigrasp.experiments.fleet.role_loop import RoleLoop
from equigrasp.experiments.fleet.runtime import read_answer

_LOGGER = logging.getLogger(__name__)
_PATIENCE = 60.0  # [s] for an answer
_BACKLOG = 64
_GONE = (OSError, EOFError, multiprocessing.AuthenticationError)


def socket_path(folder: Path, name: str) -> Path:
    """Return where a role listens."""
    return folder / f"{name}.sock"


class SocketPeers:
    """The roles of a fleet on this machine.

    Args:
        folder: Of the sockets.
        key: What both ends prove to know.
        patience: Time for an answer [s].
    """

    def __init__(self, folder: Path, key: bytes, patience: float = _PATIENCE) -> None:
        self._folder, self._key, self._patience = folder, key, patience
        self._connections = dict[str, Connection]()

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """See `Peers.call`."""
        try:
            connection = self._connections.get(name) or self._connect(name)
            connection.send_bytes(pack_message(method, arguments))
            if not connection.poll(self._patience):
                raise TimeoutError(f"no answer within {self._patience:g} s")
            reply = connection.recv_bytes()
        except _GONE as error:
            self.forget(name)
            raise PeerGoneError(f"'{name}' does not answer {method}: {error!r}.") from error
        return read_answer(name, method, reply)

    def forget(self, name: str) -> None:
        """Close the connection to a role; the next call makes a new one."""
        if connection := self._connections.pop(name, None):
            with contextlib.suppress(OSError):
                connection.close()

    def _connect(self, name: str) -> Connection:
        address = str(socket_path(self._folder, name))
        connection = Client(address, "AF_UNIX", authkey=self._key)
        self._connections[name] = connection
        return connection


def listen(loop: RoleLoop, path: Path, key: bytes) -> None:
    """Answer calls to a role in threads, until the process ends."""
    path.unlink(missing_ok=True)  # of a process that was killed
    listener = Listener(str(path), "AF_UNIX", _BACKLOG, authkey=key)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()
            except _GONE as error:  # who called knew no key, or is gone already
                _LOGGER.warning("A connection was refused: %r", error)
                continue
            name = "fleet caller"
            threading.Thread(
                target=_serve, args=(loop, connection), name=name, daemon=True
            ).start()

    threading.Thread(target=accept, name="fleet listener", daemon=True).start()


def _serve(loop: RoleLoop, connection: Connection) -> None:
    with contextlib.suppress(*_GONE, PeerGoneError):
        while True:
            connection.send_bytes(loop.serve(connection.recv_bytes()))
