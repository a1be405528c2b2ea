"""Orders to a virtual cell: lines `NAME [VALUE]`, each answered by a line `ok …` or `error …`."""

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from equigrasp.errors import DeviceError, DeviceTimeoutError, EquigraspError
from equigrasp.virtual.tcp_server import TcpServer

_logger = logging.getLogger(__name__)
ORDER_PORT = 29998  # unless told otherwise
_TICK = 0.1  # [s] after which a server that hears nothing looks whether it is to end
_ANSWER_TIMEOUT = 5.0  # [s]
_LONGEST = 65536  # [bytes] of a line


@dataclass(frozen=True)
class Order:
    """Something that can be done to a virtual cell.

    Args:
        description: What it does, and what its value means.
        act: Does it; gets the value, which is empty where none was given, and returns what to tell.
    """

    description: str
    act: Callable[[str], str | None]


class CommandServer(TcpServer):
    """Takes orders, one from each client.

    Args:
        orders: By name.
        host: Address to listen at.
        port: TCP port; 0 takes a free one, which `port` then names.
    """

    def __init__(self, orders: dict[str, Order], host: str, port: int = ORDER_PORT) -> None:
        super().__init__(host, port)
        self._orders = orders

    def obey(self, line: str) -> str:
        """Carry out one order and return the answer."""
        name, _, value = line.strip().partition(" ")
        if name == "help":
            return "ok " + " | ".join(f"{k}: {o.description}" for k, o in self._orders.items())
        if name not in self._orders:
            return f"error unknown command '{name}'. Known: {', '.join(self._orders)}."
        try:
            told = self._orders[name].act(value.strip())
        except (EquigraspError, ValueError) as error:
            return f"error {name}: {error}"
        _logger.info("Order: %s", line.strip())
        return f"ok {told}" if told else "ok"

    def _serve(self) -> None:
        for client, is_new in self._heard(_TICK):
            client.settimeout(_ANSWER_TIMEOUT)
            if is_new:
                continue
            try:
                line = _read_line(client)
                client.sendall(self.obey(line).encode() + b"\n")
            except OSError as error:
                _logger.warning("A client of the virtual cell went away: %s", error)
            self._drop(client)


def send_order(host: str, port: int, line: str) -> str:
    """Send an order to a virtual cell and return what it tells.

    Raises:
        DeviceTimeoutError: if none answers.
        DeviceError: if it does not know the order, or the order fails.
    """
    try:
        with socket.create_connection((host, port), _ANSWER_TIMEOUT) as connection:
            connection.sendall(line.encode() + b"\n")
            answer = _read_line(connection)
    except OSError as error:
        raise DeviceTimeoutError(
            f"No virtual cell takes commands at {host}:{port} ({error}). "
            "Start one: equigrasp virtual ur5"
        ) from error
    is_ok, _, told = answer.partition(" ")
    if is_ok != "ok":
        raise DeviceError(f"The virtual cell at {host}:{port}: {told or 'no answer'}")
    return told


def _read_line(connection: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\n") and len(data) < _LONGEST:
        more = connection.recv(4096)
        if not more:
            break
        data += more
    return data.decode("utf-8", "replace").strip()
