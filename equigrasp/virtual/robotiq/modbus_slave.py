"""Modbus RTU slave on a pseudo terminal, in front of a virtual gripper.

Frames and CRC: "MODBUS over Serial Line, Specification and Implementation Guide V1.02", sections
2.5.1 and 6.2.2; registers and functions: Robotiq "2F-85 & 2F-140 Instruction Manual", section 4.7.
"""

import contextlib
import os
import select
import tempfile
import threading
import tty
from pathlib import Path

from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.hardware.robotiq.registers import Command
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.server import GripperServer
from equigrasp.virtual.server import TICK

_SLAVE = 9
_OUTPUT, _INPUT = 0x03E8, 0x07D0
_READ_FUNCTIONS = (3, 4)
_WRITE_FUNCTION = 16


class VirtualModbusSlave(GripperServer):
    """A serial port with a gripper on it.

    Attributes:
        device: Path of the port; stays the same when the port goes and comes back.
    """

    def __init__(self, firmware: VirtualRobotiq) -> None:
        super().__init__()
        self._firmware = firmware
        self._folder = tempfile.TemporaryDirectory(prefix="robotiq_")
        self.device = str(Path(self._folder.name) / "port")
        self._lock = threading.Lock()
        self._ends: tuple[int, int] | None = None  # ours and the client's, which stays open
        self._received = b""

    def driver_config(self) -> RobotiqConfig:
        return RobotiqConfig("modbus", device=self.device)

    def plug(self) -> None:
        with self._lock:
            self._ends = os.openpty()
            tty.setraw(self._ends[1])
            self._received = b""
            Path(self.device).symlink_to(os.ttyname(self._ends[1]))

    def unplug(self) -> None:
        with self._lock:
            if self._ends is not None:
                Path(self.device).unlink()
                for end in self._ends:
                    os.close(end)
                self._ends = None

    def close(self) -> None:
        super().close()
        self._folder.cleanup()

    def _serve(self) -> None:
        ends = self._ends
        if ends is None:
            self._is_ending.wait(TICK)
            return
        with contextlib.suppress(OSError):  # the port was unplugged meanwhile
            is_silent = not select.select([ends[0]], [], [], TICK)[0]
            with self._lock:
                if self._ends is not ends:
                    return
                if is_silent:
                    self._received = b""  # a silence ends every frame
                else:
                    self._received += os.read(ends[0], 256)
                    self._answer_frames(ends[0])

    def _answer_frames(self, end: int) -> None:
        while (length := _frame_length(self._received)) <= len(self._received):
            frame, self._received = self._received[:length], self._received[length:]
            os.write(end, self.line.carry(self._answer(frame)))

    def _answer(self, frame: bytes) -> bytes:
        body, address, count = frame[:-2], _word(frame, 2), _word(frame, 4)
        if frame[0] != _SLAVE or with_crc(body) != frame:
            return b""  # meant for another, or damaged
        if frame[1] in _READ_FUNCTIONS and 0 < count <= 3 and address == _INPUT:
            data = self._firmware.read().to_bytes()[: 2 * count]
            return with_crc(bytes([*frame[:2], len(data)]) + data)
        if frame[1] == _WRITE_FUNCTION and len(data := body[7:]) == 6 and address == _OUTPUT:
            self._firmware.write(Command.from_bytes(data))
            return with_crc(body[:6])
        return b""  # exception responses are not supported (manual, section 4.7.1)


def with_crc(body: bytes) -> bytes:
    """Return a frame's body with its CRC-16 behind it, the low byte first."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return body + crc.to_bytes(2, "little")


def _frame_length(data: bytes) -> int:
    """Return how long the frame at the front is, or one more than there is while unknown."""
    if len(data) < 7:
        return len(data) + 1
    return 9 + data[6] if data[1] == _WRITE_FUNCTION else 8


def _word(data: bytes, index: int) -> int:
    return data[index] << 8 | data[index + 1]
