"""Robotiq registers over Modbus RTU on a serial port, with MinimalModbus.

Source: Robotiq "2F-85 & 2F-140 Instruction Manual", section 4.7 (connection set-up: 115200 baud,
8N1, slave 9, first registers 0x03E8 and 0x07D0; worked example of the frames).
"""

import contextlib
import termios
from typing import Any

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq.link import Link
from equigrasp.hardware.robotiq.registers import Command, Status

_SLAVE = 9
_BAUD_RATE = 115200
_OUTPUT, _INPUT = 0x03E8, 0x07D0  # first register of each block
_NUM_REGISTERS = 3  # two bytes each, the lower byte number first on the wire
# Function 3 reads the input block as function 4 does, on older firmware too.
_READ_FUNCTION = 3
_SILENCE = 0.1  # [s] after which no late answer is on its way any more


class ModbusLink(Link):
    """A serial port with the gripper on it.

    Args:
        device: Device file of the RS-485 converter, or of the robot's tool port.
        timeout: Bound on each answer [s].
    """

    def __init__(self, device: str, timeout: float) -> None:
        self._device, self._timeout = device, timeout
        self._instrument: Any = None

    def open(self) -> None:
        if self._instrument is not None:
            return
        try:
            import minimalmodbus
            import serial
        except ImportError as error:
            raise ImportError(
                "Modbus RTU needs MinimalModbus: pip install -r requirements/hardware.txt"
            ) from error
        try:
            port = serial.Serial(
                self._device,
                _BAUD_RATE,
                timeout=self._timeout,
                write_timeout=self._timeout,
                exclusive=True,  # frames of two programs would mix
            )
        except (OSError, termios.error) as error:
            raise DeviceTimeoutError(
                f"The serial port '{self._device}' does not open ({error}). Is the converter"
                " plugged in, used by nothing else, and may this user open it (group dialout)?"
            ) from error
        self._instrument = minimalmodbus.Instrument(port, _SLAVE)

    def close(self) -> None:
        if self._instrument is not None:
            self._instrument.serial.close()
            self._instrument = None

    def write(self, command: Command) -> None:
        data = command.to_bytes()
        values = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        self._call("write_registers", _OUTPUT, values)

    def read(self) -> Status:
        values = self._call("read_registers", _INPUT, _NUM_REGISTERS, functioncode=_READ_FUNCTION)
        return Status.from_bytes(b"".join(value.to_bytes(2, "big") for value in values))

    def _call(self, method: str, *args: Any, **options: Any) -> Any:
        if self._instrument is None:
            raise DeviceTimeoutError(f"The link over '{self._device}' is down.")
        import minimalmodbus

        try:
            return getattr(self._instrument, method)(*args, **options)
        except minimalmodbus.InvalidResponseError as error:
            self._drain()
            raise DeviceError(
                f"The gripper on '{self._device}' answers with what is not Modbus: {error}"
            ) from error
        # Flushing a port that was unplugged raises termios.error, which is no OSError.
        except (OSError, termios.error) as error:
            self._drain()
            raise DeviceTimeoutError(
                f"The gripper on '{self._device}' did not answer within {self._timeout} s"
                f" ({error}). Is it powered, and slave {_SLAVE} at {_BAUD_RATE} baud?"
            ) from error

    def _drain(self) -> None:
        """Let late answers pass, which would be taken for those to the next question."""
        with contextlib.suppress(OSError, termios.error):  # the port is gone
            port = self._instrument.serial
            port.timeout = _SILENCE
            for _ in range(2):  # a line that never falls silent holds nobody up
                if not port.read(256):
                    break
            port.timeout = self._timeout
