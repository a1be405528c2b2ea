"""Robotiq registers as text: the socket server that the Robotiq URCap runs on a UR controller.

The server listens on port 63352 and speaks URScript's socket variables, as do the URCap's own
programs: `SET POS 255 SPE 10` is answered by `ack`, `GET POS` by `POS 3`.
"""

import re
import socket
import time

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq.link import Link
from equigrasp.hardware.robotiq.registers import (
    FAULT_MASK,
    MAX_COUNTS,
    Command,
    Detection,
    Status,
    to_activation,
)

# The echo PRE comes before OBJ and POS: if it is there, they speak of the same request.
_ASKED = ("FLT", "ACT", "STA", "GTO", "PRE", "OBJ", "POS")
_QUIET = 0.02  # [s] after which an answer without a newline is complete
_ACK = re.compile(rb"\s*ack")


class UrcapLink(Link):
    """A TCP connection to the URCap's server.

    Args:
        host: Name or address of the UR controller.
        port: TCP port, 63352 unless it is forwarded.
        timeout: Bound on connecting, and on the answer to each line [s].
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._host, self._port, self._timeout = host, port, timeout
        self._socket: socket.socket | None = None
        self._received = b""
        self._has_newlines = False

    def open(self) -> None:
        if self._socket is not None:
            return
        try:
            self._socket = socket.create_connection((self._host, self._port), self._timeout)
        except OSError as error:
            raise DeviceTimeoutError(
                f"No URCap server at {self._host}:{self._port} within {self._timeout} s ({error})."
                " Is the controller on, and is the Robotiq URCap installed and its gripper scanned?"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def write(self, command: Command) -> None:
        line = (
            f"SET ACT {command.is_activated:d} ATR {command.is_releasing:d}"
            f" POS {command.position} SPE {command.speed} FOR {command.force}"
            f" GTO {command.is_going:d}"
        )
        self._ask(line, _ACK)

    def read(self) -> Status:
        values = {name: self._get(name) for name in _ASKED}
        if values["OBJ"] > max(Detection):
            raise DeviceError(f"The Robotiq gripper reports OBJ {values['OBJ']}, above 3.")
        return Status(
            is_activated=values["ACT"] == 1,
            is_going=values["GTO"] == 1,
            activation=to_activation(values["STA"]),
            detection=Detection(values["OBJ"]),
            fault=values["FLT"] & FAULT_MASK,
            position_request=values["PRE"],
            position=values["POS"],
        )

    def _get(self, name: str) -> int:
        pattern = re.compile(rb"\s*" + name.encode() + rb" (\d{1,3})\s*")
        value = int(self._ask(f"GET {name}", pattern)[1])
        if value > MAX_COUNTS:
            raise DeviceError(f"The URCap server answers 'GET {name}' with {value}, above 255.")
        return value

    def _ask(self, line: str, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Send a line, wait for its answer and return it matched."""
        deadline = time.monotonic() + self._timeout
        try:
            self._send(line)
            is_quiet = False
            while not self._is_complete(is_quiet):
                is_quiet = not self._receive(deadline)
        except OSError as error:
            raise DeviceTimeoutError(
                f"The URCap server {self._host}:{self._port} did not answer '{line}' within"
                f" {self._timeout} s ({error}); received {self._received!r}."
            ) from error
        match = pattern.match(self._received)
        if match is None:
            expected = pattern.pattern.decode().replace("\\s*", "")
            raise DeviceError(
                f"The URCap server answers '{line}' with {self._received!r}, not '{expected}'."
            )
        self._received = self._received[match.end() :]
        return match

    def _send(self, line: str) -> None:
        if self._socket is None:
            raise ConnectionError("not connected")
        self._socket.settimeout(self._timeout)
        self._socket.sendall(f"{line}\n".encode())

    def _receive(self, deadline: float) -> bool:
        """Add what has arrived; return False if nothing did for a moment."""
        remaining = deadline - time.monotonic()
        if self._socket is None or remaining <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(min(_QUIET, remaining))
        try:
            data = self._socket.recv(4096)
        except TimeoutError:
            return False
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data
        return True

    def _is_complete(self, is_quiet: bool) -> bool:
        # `ack` comes without a newline. URScript wants values to end in one, but the URCap's
        # own programs count bytes: a server that was never seen to send one may go without.
        text = self._received.lstrip()
        if text.startswith(b"ack"):
            return True
        if b"\n" in text:
            self._has_newlines = True
            return True
        return bool(text) and is_quiet and not self._has_newlines
