"""A server at a TCP port, which can be unplugged."""

import ipaddress
import selectors
import socket
import threading
from collections.abc import Iterator

from equigrasp.errors import ConfigError, DeviceError, shortened
from equigrasp.virtual.server import Server


def check_host(host: str, is_open: bool) -> None:
    """Hold an address to listen at to those of this machine alone.

    Args:
        host: Address, or a name.
        is_open: Whether any address will do: who reaches it commands what is served.

    Raises:
        ConfigError: if it is not 127.0.0.0/8, ::1 or localhost, and need be.
    """
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False  # a name may stand for anything
    if not (is_loopback or is_open):
        raise ConfigError(
            f"Address '{shortened(host, 100)}' is not of this machine alone (127.0.0.0/8, ::1): whoever reaches it "
            "could command the cell. --open-to-network allows it."
        )


class TcpServer(Server):
    """Listens at a loopback port and keeps any number of clients.

    Args:
        host: Loopback address to listen at.
        port: TCP port; 0 takes a free one, which `port` then names.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.host, self.port = host, port
        self._lock = threading.RLock()  # held while a client is served, plugged or dropped
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._clients: list[socket.socket] = []

    def plug(self) -> None:
        with self._lock:
            if self._listener is not None:
                return
            try:
                self._listener = socket.create_server((self.host, self.port))
            except OSError as error:
                raise DeviceError(
                    f"Cannot listen at {self.host}:{self.port}: {error}. Choose another address; "
                    "port 0 takes a free one."
                ) from error
            self.port = self._listener.getsockname()[1]
            self._selector.register(self._listener, selectors.EVENT_READ)

    def unplug(self) -> None:
        with self._lock:
            for client in list(self._clients):
                self._drop(client)
            if self._listener is not None:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None

    def close(self) -> None:
        super().close()
        self._selector.close()

    def _heard(self, timeout: float) -> Iterator[tuple[socket.socket, bool]]:
        """Yield who came or has something to say, and whether it came, while the lock is held.

        Args:
            timeout: Longest wait [s] for the first.
        """
        for key, _ in self._selector.select(timeout):
            with self._lock:
                if key.fileobj is self._listener and self._listener is not None:
                    client, _ = self._listener.accept()
                    self._clients.append(client)
                    self._selector.register(client, selectors.EVENT_READ)
                    yield client, True
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                    yield key.fileobj, False

    def _drop(self, client: socket.socket) -> None:
        if client in self._clients:
            self._selector.unregister(client)
            self._clients.remove(client)
            client.close()
