"""The text of the URCap's server, and what is made of texts that are not its."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.fakes import FakeGripper, ManualClock
from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq.registers import Activation, Command, Detection, Status
from equigrasp.hardware.robotiq.urcap_link import UrcapLink
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer

REGISTERS = {"FLT": 0, "ACT": 1, "STA": 3, "GTO": 1, "PRE": 139, "OBJ": 2, "POS": 120}
Answer = Callable[[str], bytes | None]  # None hangs up
Serve = Callable[[Answer], tuple[UrcapLink, list[str]]]


def _right(line: str) -> bytes:
    verb, name = line.split()[:2]
    return b"ack" if verb == "SET" else f"{name} {REGISTERS[name]}\n".encode()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer the lines of one client by a function; also gives the lines that came."""
    listener = socket.create_server(("127.0.0.1", 0))
    links: list[UrcapLink] = []
    threads: list[threading.Thread] = []

    def start(answer: Answer) -> tuple[UrcapLink, list[str]]:
        lines: list[str] = []

        def run() -> None:
            client, _ = listener.accept()
            hung_up = contextlib.suppress(ConnectionError)  # by a link that has heard enough
            with hung_up, client, client.makefile("r", encoding="ascii") as received:
                for line in received:
                    lines.append(line.rstrip("\n"))
                    reply = answer(lines[-1])
                    if reply is None:
                        return
                    client.sendall(reply)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        links.append(UrcapLink("127.0.0.1", listener.getsockname()[1], timeout=0.2))
        links[-1].open()
        return links[-1], lines

    yield start
    for link in links:
        link.close()
    for thread in threads:
        thread.join()
    listener.close()


def test_a_command_is_one_line_whose_last_word_sets_it_going(serve: Serve) -> None:
    link, lines = serve(_right)
    link.write(Command(is_activated=True, is_going=True, position=255, speed=10, force=100))
    assert lines == ["SET ACT 1 ATR 0 POS 255 SPE 10 FOR 100 GTO 1"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", ""])
def test_registers_are_read_with_and_without_newlines(serve: Serve, newline: str) -> None:
    link, lines = serve(lambda line: _right(line).rstrip() + newline.encode())
    expected = Status(True, True, Activation.COMPLETE, Detection.CONTACT_CLOSING, 0, 139, 120)
    assert link.read() == expected
    assert link.read() == expected
    assert lines.index("GET PRE") < lines.index("GET OBJ") < lines.index("GET POS")


@pytest.mark.parametrize("ack", [b"ack", b"ack\n", b"ack\r\n"])
def test_an_acknowledgement_may_end_in_a_newline(serve: Serve, ack: bytes) -> None:
    link, _ = serve(lambda line: ack if line.startswith("SET") else _right(line))
    link.write(Command())
    assert link.read().position == 120


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"GET POS": b"banana\n"}, "answers 'GET POS' with b'banana\\n', not 'POS (\\d{1,3})'"),
        ({"GET POS": b"SPE 3\n"}, "with b'SPE 3\\n', not 'POS"),
        ({"GET POS": b"POS 300\n"}, "with 300, above 255"),
        ({"GET POS": b"POS -1\n"}, "with b'POS -1\\n'"),
        ({"GET POS": b"\xff\xfe\n"}, "'GET POS'"),
        ({"GET STA": b"STA 2\n"}, "gSTA 2"),
        ({"GET OBJ": b"OBJ 7\n"}, "OBJ 7"),
        ({"GET PRE": b"ack"}, "answers 'GET PRE' with b'ack'"),
    ],
)
def test_garbage_is_refused_and_shown(
    serve: Serve, answers: dict[str, bytes], message: str
) -> None:
    link, _ = serve(lambda line: answers.get(line) or _right(line))
    with pytest.raises(DeviceError, match=re.escape(message)):
        link.read()


def test_a_server_that_answers_twice_is_out_of_step(serve: Serve) -> None:
    link, _ = serve(lambda line: _right(line) * (2 if line == "GET FLT" else 1))
    with pytest.raises(DeviceError, match="answers 'GET ACT' with b'FLT 0"):
        link.read()


def test_the_controllers_half_of_the_fault_is_left_out(serve: Serve) -> None:
    link, _ = serve(lambda line: b"FLT 62\n" if line == "GET FLT" else _right(line))
    assert link.read().fault == 0x0E  # 62 is 0x3E


def test_a_refused_command_is_told(serve: Serve) -> None:
    link, _ = serve(lambda line: b"?\n")
    with pytest.raises(DeviceError, match=r"with b'\?\\n', not 'ack'"):
        link.write(Command())


@pytest.mark.parametrize("half", [b"PO", b"POS 12"])
def test_half_a_line_is_no_answer_from_a_server_that_ends_its_lines(
    serve: Serve, half: bytes
) -> None:
    link, _ = serve(lambda line: half if line == "GET POS" else _right(line))
    with pytest.raises(DeviceTimeoutError, match="'GET POS' within 0.2 s") as error:
        link.read()
    assert repr(half) in str(error.value)


def test_a_server_that_hangs_up_is_told(serve: Serve) -> None:
    link, _ = serve(lambda line: None)
    with pytest.raises(DeviceTimeoutError, match="did not answer 'GET FLT'"):
        link.read()


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceTimeoutError, match=f"No URCap server at 127.0.0.1:{port}"):
        UrcapLink("127.0.0.1", port, timeout=0.2).open()


def test_a_link_that_was_never_opened_says_so() -> None:
    with pytest.raises(DeviceTimeoutError, match="not connected"):
        UrcapLink("127.0.0.1", 1, timeout=0.2).read()


@pytest.mark.parametrize("newline", [b"\n", b""])
def test_the_virtual_server_speaks_both_dialects(
    gripper_config: GripperConfig, newline: bytes
) -> None:
    fingers = FakeGripper(gripper_config, ManualClock())
    fingers.connect()
    with VirtualUrcapServer(VirtualRobotiq(fingers), newline=newline) as server:
        link = UrcapLink("127.0.0.1", server.port, timeout=0.2)
        link.open()
        assert link.read().activation is Activation.RESET
        link.close()
