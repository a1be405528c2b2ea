"""The socket server of the Robotiq URCap, in front of a virtual gripper."""

import dataclasses
import socket
from typing import Any

from equigrasp.errors import DeviceError
from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.server import GripperServer
from equigrasp.virtual.server import TICK
from equigrasp.virtual.tcp_server import TcpServer

_FLAGS = {"ACT": "is_activated", "GTO": "is_going", "ATR": "is_releasing"}
_WRITABLE = {**_FLAGS, "POS": "position", "SPE": "speed", "FOR": "force"}
_UNKNOWN = b"?\n"


class VirtualUrcapServer(GripperServer, TcpServer):
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
        super().__init__(host, port)
        self._firmware = firmware
        self._newline = newline
        self._begun: dict[socket.socket, bytes] = {}  # what of a line has arrived

    def driver_config(self) -> RobotiqConfig:
        return RobotiqConfig("urcap", host=self.host, port=self.port)

    def _serve(self) -> None:
        for client, is_new in self._heard(TICK):
            if not is_new:
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        try:
            data = client.recv(4096)
            *lines, rest = (self._begun.get(client, b"") + data).split(b"\n")
            self._begun[client] = rest
            for line in lines:
                client.sendall(self.line.carry(self._answer(line.decode("ascii", "replace"))))
        except OSError:
            data = b""
        if not data:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self._begun.pop(client, None)
        super()._drop(client)

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
