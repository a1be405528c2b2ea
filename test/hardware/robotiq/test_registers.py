"""The register map against the worked example of the manual (section 4.7)."""

import pytest

from equigrasp.errors import DeviceError
from equigrasp.hardware.robotiq.registers import Activation, Command, Detection, Status
from equigrasp.virtual.robotiq.modbus_slave import with_crc

# Frames of the manual; slave, function, address, number of registers and bytes stand before the
# six bytes of a request, slave, function and number of bytes before those of a response.
CLOSE = bytes.fromhex("09 10 03E8 0003 06 0900 00FF FFFF 4229")
OPEN = bytes.fromhex("09 10 03E8 0003 06 0900 0000 FFFF 7219")
RESET = bytes.fromhex("09 10 03E8 0003 06 0000 0000 0000 7330")
GRASPED = bytes.fromhex("09 04 06 B900 00FF BD00 5C9A")
OPENING = bytes.fromhex("09 04 06 3900 0000 BB10 7106")
OPENED = bytes.fromhex("09 04 06 F900 0000 0D00 17AA")


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        (CLOSE, Command(is_activated=True, is_going=True, position=255, speed=255, force=255)),
        (OPEN, Command(is_activated=True, is_going=True, position=0, speed=255, force=255)),
        (RESET, Command()),
    ],
)
def test_commands_are_the_manuals_bytes(frame: bytes, command: Command) -> None:
    assert command.to_bytes() == frame[7:-2]
    assert Command.from_bytes(frame[7:-2]) == command


@pytest.mark.parametrize(
    ("frame", "detection", "request_", "position", "current"),
    [
        (GRASPED, Detection.CONTACT_CLOSING, 255, 189, 0),
        (OPENING, Detection.IN_MOTION, 0, 187, 16),
        (OPENED, Detection.AT_REQUEST, 0, 13, 0),
    ],
)
def test_statuses_are_read_from_the_manuals_bytes(
    frame: bytes, detection: Detection, request_: int, position: int, current: int
) -> None:
    status = Status(True, True, Activation.COMPLETE, detection, 0, request_, position, current)
    assert Status.from_bytes(frame[3:-2]) == status
    assert status.to_bytes() == frame[3:-2]


def test_each_bit_of_the_action_has_its_place() -> None:
    assert Command(is_activated=True).to_bytes()[0] == 0x01
    assert Command(is_going=True).to_bytes()[0] == 0x08
    assert Command(is_releasing=True).to_bytes()[0] == 0x10
    assert Command.from_bytes(bytes([0x10, 0, 0, 0, 0, 0])) == Command(is_releasing=True)


def test_the_fault_is_the_lower_half_of_its_byte() -> None:
    assert Status.from_bytes(bytes.fromhex("01 00 3E 00 00 00")).fault == 0x0E


def test_an_activation_that_the_manual_lacks_is_refused() -> None:
    with pytest.raises(DeviceError, match="gSTA 2, which is not one of 0, 1, 3"):
        Status.from_bytes(bytes.fromhex("21 00 00 00 00 00"))


@pytest.mark.parametrize("values", [{"position": 256}, {"speed": -1}, {"force": 300}])
def test_counts_beyond_a_byte_are_refused(values: dict[str, int]) -> None:
    (name, value), *_ = values.items()
    with pytest.raises(DeviceError, match=f"{name} {value} is not in"):
        Command(**values)


@pytest.mark.parametrize("frame", [CLOSE, OPEN, RESET, GRASPED, OPENING, OPENED])
def test_the_virtual_gripper_makes_the_manuals_checksums(frame: bytes) -> None:
    assert with_crc(frame[:-2]) == frame
