"""The network side of a virtual UR controller: dashboard, RTDE and script ports in one thread."""

import collections
import contextlib
import selectors
import socket
import struct
import threading
import time

from equigrasp.errors import DeviceError
from equigrasp.virtual.ur import ur_dashboard, ur_wire
from equigrasp.virtual.ur.ur_controller import UrController

DASHBOARD_PORT = 29999
SCRIPT_PORTS = (30001, 30002, 30003)
RTDE_PORT = 30004
_SCRIPT_END = b"\nend\n"
_MIN_GAP = 0.5  # cycles between two: on a busy machine the robot's time runs slower, but evenly


class UrServer:
    """Serves clients and lets the controller's time pass with the wall clock; a context manager.

    Clients know the ports by heart, so that a server is told apart by its loopback address.

    Args:
        controller: What it speaks for.
        host: Address to listen at, such as 127.0.0.30.

    Attributes:
        packet_delay: Fault: every RTDE package leaves this much later [s].
    """

    def __init__(self, controller: UrController, host: str) -> None:
        self.controller = controller
        self.host = host
        self.packet_delay = 0.0
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._is_reachable = True
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ur_server {host}", daemon=True)

    def __enter__(self) -> "UrServer":
        try:
            for port in (DASHBOARD_PORT, *SCRIPT_PORTS, RTDE_PORT):
                listener = socket.create_server((self.host, port))
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ, port)
        except OSError as error:
            self._close()
            raise DeviceError(
                f"Cannot listen at {self.host}:{port}: {error}. Choose a free loopback address."
            ) from error
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_stopping.set()
        self._thread.join()
        self._close()

    def drop_link(self) -> None:
        """Fault: close every connection and accept no new one until `restore_link`."""
        with self.controller.lock:
            self._is_reachable = False

    def restore_link(self) -> None:
        """Accept connections again."""
        with self.controller.lock:
            self._is_reachable = True

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _run(self) -> None:
        cycle = self.controller.cycle_time
        due = time.monotonic() + cycle
        while not self._is_stopping.is_set():
            for key, _ in self._selector.select(max(0.0, due - time.monotonic())):
                self._serve(key)
            if (now := time.monotonic()) >= due:
                self._publish(self.controller.cycle())
                due = max(due + cycle, now + _MIN_GAP * cycle)
            if not self._is_reachable:
                self._drop_all()

    def _drop_all(self) -> None:
        for client in list(self._clients):
            self._forget(client)

    def _serve(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, _Client):
            if not key.data.receive():
                self._forget(key.data)
            return
        connection, _ = key.fileobj.accept()  # type: ignore[union-attr]
        if not self._is_reachable:
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _make_client(key.data, connection, self)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _forget(self, client: "_Client") -> None:
        self._selector.unregister(client.connection)
        self._clients.discard(client)
        client.connection.close()

    def _publish(self, values: dict[str, object]) -> None:
        for client in list(self._clients):
            if isinstance(client, _RtdeClient) and not client.publish(values):
                self._forget(client)

    def owner_of(self, register: str, other_than: "_Client") -> bool:
        """Whether another client has set up an input recipe with this register."""
        return any(
            isinstance(c, _RtdeClient) and c is not other_than and register in c.claimed
            for c in self._clients
        )


class _Client:
    """One connection; `receive` returns False when it has ended."""

    def __init__(self, connection: socket.socket, server: UrServer) -> None:
        self.connection = connection
        self._server = server
        self._controller = server.controller
        self._buffer = bytearray()

    def receive(self) -> bool:
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._buffer += data
        try:
            return bool(data) and self._take()
        except (struct.error, IndexError, UnicodeDecodeError):  # not RTDE: hang up
            return False

    def _take(self) -> bool:
        raise NotImplementedError

    def _send(self, data: bytes) -> bool:
        try:
            self.connection.sendall(data)
        except OSError:  # gone, or so slow that its buffer is full
            return False
        return True


class _DashboardClient(_Client):
    def __init__(self, connection: socket.socket, server: UrServer) -> None:
        super().__init__(connection, server)
        self._send(ur_dashboard.GREETING.encode() + b"\n")

    def _take(self) -> bool:
        while b"\n" in self._buffer:
            line, _, rest = bytes(self._buffer).partition(b"\n")
            self._buffer[:] = rest
            reply = ur_dashboard.answer(self._controller, line.decode(errors="replace"))
            if not self._send(reply.encode() + b"\n"):
                return False
        return True


class _ScriptClient(_Client):
    def _take(self) -> bool:
        if self._buffer.endswith(_SCRIPT_END):
            self._controller.run_script(bytes(self._buffer))
            self._buffer.clear()
        return True


class _RtdeClient(_Client):
    def __init__(self, connection: socket.socket, server: UrServer) -> None:
        super().__init__(connection, server)
        self.claimed: set[str] = set()
        self._inputs: dict[int, ur_wire.Recipe] = {}
        self._output: ur_wire.Recipe | None = None
        self._period = 0.0
        self._next = 0.0
        self._is_started = False
        self._delayed: collections.deque[tuple[float, bytes]] = collections.deque()

    def publish(self, values: dict[str, object]) -> bool:
        """Send the packages that are due; False when the client is gone."""
        now = time.monotonic()
        stamp = self._controller.state.timestamp
        if self._is_started and self._output is not None and stamp >= self._next - 1e-6:
            due = self._next + self._period
            self._next = due if due > stamp else stamp + self._period
            self._delayed.append((now + self._server.packet_delay, self._output.pack(values)))
        while self._delayed and self._delayed[0][0] <= now:
            if not self._send(self._delayed.popleft()[1]):
                return False
        return True

    def _take(self) -> bool:
        return all(self._answer(kind, payload) for kind, payload in self._frames())

    def _frames(self) -> list[tuple[int, bytes]]:
        return ur_wire.take_frames(self._buffer)

    def _answer(self, kind: int, payload: bytes) -> bool:
        if kind == ur_wire.DATA_PACKAGE:
            recipe = self._inputs.get(payload[0])
            if recipe is not None:
                with contextlib.suppress(ValueError):  # a real controller drops such packages
                    self._controller.write_inputs(recipe.unpack(payload[1:]))
            return True
        if kind == ur_wire.REQUEST_PROTOCOL_VERSION:
            reply = b"\x01" if payload == b"\x00\x02" else b"\x00"
        elif kind == ur_wire.GET_CONTROLLER_VERSION:
            reply = struct.pack(">4I", *self._controller.version)
        elif kind == ur_wire.SETUP_OUTPUTS:
            reply = self._set_up_outputs(payload)
        elif kind == ur_wire.SETUP_INPUTS:
            reply = self._set_up_inputs(payload)
        elif kind in (ur_wire.START, ur_wire.PAUSE):
            self._is_started = kind == ur_wire.START
            reply = b"\x01"
        else:
            return True
        return self._send(ur_wire.frame(kind, reply))

    def _set_up_outputs(self, payload: bytes) -> bytes:
        frequency = struct.unpack_from(">d", payload)[0]
        names = _names(payload[8:])
        types = [ur_wire.OUTPUT_TYPES.get(name, "NOT_FOUND") for name in names]
        self._period = max(1.0 / max(frequency, 1.0), self._controller.cycle_time)
        if "NOT_FOUND" not in types:
            self._output = ur_wire.Recipe(1, names, tuple(types))
        return b"\x01" + ",".join(types).encode()

    def _set_up_inputs(self, payload: bytes) -> bytes:
        names = _names(payload)
        types = [ur_wire.INPUT_TYPES.get(name, "NOT_FOUND") for name in names]
        for i, name in enumerate(names):
            if self._server.owner_of(name, self):
                types[i] = "IN_USE"
        if {"NOT_FOUND", "IN_USE"} & set(types):
            return b"\x00" + ",".join(types).encode()
        number = len(self._inputs) + 1
        self._inputs[number] = ur_wire.Recipe(number, names, tuple(types))
        self.claimed |= set(names)
        return bytes([number]) + ",".join(types).encode()


def _names(payload: bytes) -> tuple[str, ...]:
    return tuple(name for name in payload.decode().split(",") if name)


def _make_client(port: int, connection: socket.socket, server: UrServer) -> _Client:
    if port == DASHBOARD_PORT:
        return _DashboardClient(connection, server)
    return (
        _RtdeClient(connection, server) if port == RTDE_PORT else _ScriptClient(connection, server)
    )
