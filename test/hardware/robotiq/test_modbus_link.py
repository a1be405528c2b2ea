"""Frames on the serial line are the manual's own."""

import os
import select
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from typing import Any

import pytest

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq.modbus_link import ModbusLink
from equigrasp.hardware.robotiq.registers import Activation, Command, Detection

pytest.importorskip("minimalmodbus")

# Worked example of the manual (section 4.7); reading by function 3 as in its edition of 2016.
CLOSE = bytes.fromhex("09 10 03E8 0003 06 0900 00FF FFFF 4229")
WRITTEN = bytes.fromhex("09 10 03E8 0003 0130")
READ = bytes.fromhex("09 03 07D0 0003 040E")
GRASPED = bytes.fromhex("09 03 06 B900 00FF BD00 1D7C")


class Line:
    """A pseudo terminal whose far end gives prepared answers."""

    def __init__(self, timeout: float = 1.0) -> None:
        self.far, self.near = os.openpty()
        tty.setraw(self.near)
        self.link = ModbusLink(os.ttyname(self.near), timeout)
        self.link.open()

    def answer(self, answer: bytes, request_length: int, delay: float = 0.0) -> "list[bytes]":
        """Give one answer to the next request after `delay` [s], and note the request."""
        requests: list[bytes] = []

        def run() -> None:
            request = b""
            while len(request) < request_length and select.select([self.far], [], [], 1.0)[0]:
                request += os.read(self.far, 64)
            requests.append(request)
            time.sleep(delay)
            os.write(self.far, answer)

        self.thread = threading.Thread(target=run)
        self.thread.start()
        return requests

    def close(self) -> None:
        self.link.close()
        self.thread.join()
        os.close(self.far)
        os.close(self.near)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def test_a_command_is_the_manuals_frame(line: Line) -> None:
    requests = line.answer(WRITTEN, len(CLOSE))
    line.link.write(Command(True, True, False, 255, 255, 255))
    assert requests == [CLOSE]


def test_a_status_is_asked_for_and_read_as_in_the_manual(line: Line) -> None:
    requests = line.answer(GRASPED, len(READ))
    status = line.link.read()
    assert requests == [READ]
    assert status.activation is Activation.COMPLETE
    assert status.detection is Detection.CONTACT_CLOSING
    assert (status.position_request, status.position) == (255, 189)


@pytest.mark.parametrize(
    "answer",
    [
        GRASPED[:-1] + b"\x00",  # checksum
        GRASPED[:6],  # half a frame
        WRITTEN,  # answer to something else
        b"\x00" * 11,
    ],
)
def test_what_is_not_the_answer_is_refused(line: Line, answer: bytes) -> None:
    line.answer(answer, len(READ))
    with pytest.raises(DeviceError, match="is not Modbus"):
        line.link.read()


@pytest.fixture
def hasty() -> Iterator[Line]:
    """A link that waits no longer than 0.1 s for an answer."""
    line = Line(0.1)
    yield line
    line.close()


def test_silence_is_told(hasty: Line) -> None:
    hasty.answer(b"", len(READ))
    with pytest.raises(DeviceTimeoutError, match=r"did not answer within 0\.1 s"):
        hasty.link.read()


def test_a_late_answer_does_not_meet_the_next_question(line: Line) -> None:
    late = threading.Timer(1.02, os.write, (line.far, WRITTEN))
    line.answer(b"", len(READ))
    late.start()
    with pytest.raises(DeviceTimeoutError):
        line.link.read()
    line.thread.join()
    line.answer(GRASPED, len(READ), delay=0.05)  # time enough for the late one to come first
    assert line.link.read().position == 189
    late.join()


def test_a_line_that_never_falls_silent_holds_nobody_up(line: Line, wall_clock: Any) -> None:
    has_ended = threading.Event()

    def babble() -> None:
        while not has_ended.wait(0.001):
            if select.select([], [line.far], [], 0.0)[1]:
                os.write(line.far, b"U" * 64)

    line.thread = threading.Thread(target=babble)
    line.thread.start()
    try:
        with wall_clock.within(1.0), pytest.raises(DeviceError, match="is not Modbus"):
            line.link.read()
    finally:
        has_ended.set()


def test_a_port_belongs_to_one_link(line: Line) -> None:
    line.answer(b"", 0)
    with pytest.raises(DeviceTimeoutError, match="used by nothing else"):
        ModbusLink(os.ttyname(line.near), timeout=0.1).open()


def test_a_port_that_was_unplugged_is_told(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def flush() -> None:
        raise termios.error(5, "Input/output error")

    line.answer(b"", 0)
    monkeypatch.setattr(line.link._instrument.serial, "reset_input_buffer", flush)
    with pytest.raises(DeviceTimeoutError, match="Input/output error"):
        line.link.read()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minimalmodbus", None)
    with pytest.raises(ImportError, match="requirements/hardware.txt"):
        ModbusLink("/dev/no_such_port", timeout=0.1).open()


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceTimeoutError, match="'/dev/no_such_port' does not open"):
        ModbusLink("/dev/no_such_port", timeout=0.1).open()
    with pytest.raises(DeviceTimeoutError, match="is down"):
        ModbusLink("/dev/no_such_port", timeout=0.1).read()
