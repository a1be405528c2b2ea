"""The virtual controller towards clients that are not ur_rtde: raw sockets, no library."""

import socket
from collections.abc import Iterator

import pytest
from virtual_ur5 import VirtualRobot, virtual_ur5

from equigrasp.errors import DeviceError
from equigrasp.virtual.ur import ur_wire
from equigrasp.virtual.ur.ur_server import DASHBOARD_PORT, RTDE_PORT, UrServer


@pytest.fixture(scope="module")
def robot() -> Iterator[VirtualRobot]:
    with virtual_ur5(is_e_series=True) as robot:
        yield robot


class Client:
    """A socket with a file to read from."""

    def __init__(self, robot: VirtualRobot, port: int) -> None:
        self.socket = socket.create_connection((robot.server.host, port), timeout=5.0)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.file.close()
        self.socket.close()

    def ask(self, line: str) -> str:
        self.socket.sendall(line.encode() + b"\n")
        return self.file.readline().decode().strip()

    def request(self, kind: int, payload: bytes = b"") -> bytes:
        self.socket.sendall(ur_wire.frame(kind, payload))
        return self.frame()[1]

    def frame(self) -> tuple[int, bytes]:
        head = self.file.read(3)
        length, kind = int.from_bytes(head[:2], "big"), head[2]
        return kind, self.file.read(length - 3)


def test_the_dashboard_answers_in_the_manual_s_words(robot: VirtualRobot) -> None:
    with Client(robot, DASHBOARD_PORT) as client:
        assert client.file.readline().startswith(b"Connected: Universal Robots Dashboard Server")
        assert client.ask("PolyscopeVersion").startswith("URSoftware 5.11")
        assert client.ask("robotmode") == "Robotmode: RUNNING"
        assert client.ask("safetystatus") == "Safetystatus: NORMAL"
        assert client.ask("running") == "Program running: false"
        assert client.ask("is in remote control") == "true"
        assert client.ask("dance") == "could not understand: 'dance'"


def test_an_emergency_stop_takes_the_power_until_it_is_given_back(robot: VirtualRobot) -> None:
    with Client(robot, DASHBOARD_PORT) as client:
        client.file.readline()
        robot.controller.press_emergency_stop()
        assert client.ask("safetystatus") == "Safetystatus: ROBOT_EMERGENCY_STOP"
        assert client.ask("power on").startswith("Failed")
        robot.controller.release_emergency_stop()
        assert client.ask("robotmode") == "Robotmode: POWER_OFF"
        assert client.ask("power on") == "Powering on"
        assert client.ask("robotmode") == "Robotmode: IDLE"
        assert client.ask("brake release") == "Brake releasing"
        assert client.ask("robotmode") == "Robotmode: RUNNING"


def test_a_protective_stop_cannot_be_unlocked_at_once(robot: VirtualRobot) -> None:
    with Client(robot, DASHBOARD_PORT) as client:
        client.file.readline()
        robot.controller.trigger_protective_stop()
        assert client.ask("unlock protective stop").startswith("Cannot unlock")
        while client.ask("unlock protective stop") != "Protective stop releasing":
            pass
        assert client.ask("safetystatus") == "Safetystatus: NORMAL"


def test_rtde_negotiates_and_streams_what_was_asked_for(robot: VirtualRobot) -> None:
    with Client(robot, RTDE_PORT) as client:
        assert client.request(ur_wire.REQUEST_PROTOCOL_VERSION, b"\x00\x01") == b"\x00"
        assert client.request(ur_wire.REQUEST_PROTOCOL_VERSION, b"\x00\x02") == b"\x01"
        frequency = b"\x40\x5f\x40" + bytes(5)  # 125 Hz
        reply = client.request(ur_wire.SETUP_OUTPUTS, frequency + b"timestamp,actual_q,nonsense")
        assert reply[1:] == b"DOUBLE,VECTOR6D,NOT_FOUND"
        reply = client.request(ur_wire.SETUP_OUTPUTS, frequency + b"robot_mode,timestamp")
        assert reply[1:] == b"INT32,DOUBLE"
        assert client.request(ur_wire.START) == b"\x01"
        recipe = ur_wire.Recipe(1, ("robot_mode", "timestamp"), ("INT32", "DOUBLE"))
        packages = [client.frame() for _ in range(5)]
        assert {kind for kind, _ in packages} == {ur_wire.DATA_PACKAGE}
        stamps = [recipe.unpack(payload[1:])["timestamp"] for _, payload in packages]
        steps = [b - a for a, b in zip(stamps, stamps[1:], strict=False)]
        assert min(steps) == pytest.approx(0.008)


def test_a_client_that_speaks_nonsense_is_hung_up_on(robot: VirtualRobot) -> None:
    with Client(robot, RTDE_PORT) as client:
        client.socket.sendall(ur_wire.frame(ur_wire.SETUP_OUTPUTS, b"?"))
        assert client.file.read() == b""
    with Client(robot, DASHBOARD_PORT) as client:
        assert client.file.readline()  # the server lives


def test_an_address_that_is_taken_is_named(robot: VirtualRobot) -> None:
    with pytest.raises(DeviceError, match=robot.server.host):
        UrServer(robot.controller, robot.server.host).__enter__()
