"""The socket server of the Robotiq URCap, in front of a virtual gripper."""

import dataclasses
import selectors
import socket
import threading
from typing import Any

from equigrasp.errors import DeviceError
from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.server import TICK, Server

_FLAGS = {"ACT": "is_activated", "GTO": "is_going", "ATR": "is_releasing"}
_WRITABLE = {**_FLAGS, "POS": "position", "SPE": "speed", "FOR": "force"}
_UNKNOWN = b"?\n"


class VirtualUrcapServer(Server):
    """Listens on a loopback port and serves any number of clients.

    Args:
        firmware: The gripper.
        port: TCP port; 0 takes a free one, which `port` then names.
        newline: What a value ends in; b"" for a server that counts bytes instead.
        host: Loopback address to listen at.
    """

    def __init__(
        self,
        firmware: VirtualRobotiq,
        port: int = 0,
        newline: bytes = b"\n",
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__()
        self.host, self.port = host, port
        self._firmware = firmware
        self._newline = newline
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._clients: dict[socket.socket, bytes] = {}  # what of a line has arrived
        self._listener: socket.socket | None = None

    def driver_config(self) -> RobotiqConfig:
        return RobotiqConfig("urcap", host=self.host, port=self.port)

    def restore(self) -> None:
        with self._lock:
            self._listener = socket.create_server((self.host, self.port))
            self.port = self._listener.getsockname()[1]
            self._selector.register(self._listener, selectors.EVENT_READ)

    def cut(self) -> None:
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

    def _serve(self) -> None:
        for key, _ in self._selector.select(TICK):
            with self._lock:
                if self._listener is not None and key.fileobj is self._listener:
                    client, _ = self._listener.accept()
                    self._clients[client] = b""
                    self._selector.register(client, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                    self._talk(key.fileobj)

    def _talk(self, client: socket.socket) -> None:
        try:
            data = client.recv(4096)
            *lines, rest = (self._clients[client] + data).split(b"\n")
            self._clients[client] = rest
            for line in lines:
                client.sendall(self.line.carry(self._answer(line.decode("ascii", "replace"))))
        except OSError:
            data = b""
        if not data:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        self._clients.pop(client)
        client.close()

    def _answer(self, line: str) -> bytes:
        match line.split():
            case ["SET", *words] if words and len(words) % 2 == 0:
                return self._set(dict(zip(words[::2], words[1::2], strict=True)))
            case ["GET", name] if name in (values := self._values()):
                return f"{name} {values[name]}".encode() + self._newline
        return _UNKNOWN

    def _set(self, values: dict[str, str]) -> bytes:
        try:
            changes: dict[str, Any] = {
                _WRITABLE[name]: value == "1" if name in _FLAGS else int(value)
                for name, value in values.items()
            }
            command = dataclasses.replace(self._firmware.command, **changes)
        except (KeyError, ValueError, DeviceError):
            return _UNKNOWN
        self._firmware.write(command)
        return b"ack"

    def _values(self) -> dict[str, int]:
        command, status = self._firmware.command, self._firmware.read()
        return {
            "ACT": int(status.is_activated),
            "GTO": int(status.is_going),
            "ATR": int(command.is_releasing),
            "SPE": command.speed,
            "FOR": command.force,
            "STA": int(status.activation),
            "OBJ": int(status.detection),
            "FLT": status.fault,
            "PRE": status.position_request,
            "POS": status.position,
        }
