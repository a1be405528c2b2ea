"""The virtual gripper behaves as the manual has it, at the real pace."""

import socket
import threading
import time
from pathlib import Path

import pytest

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.clock import WallClock
from equigrasp.devices.fakes import FakeGripper, ManualClock
from equigrasp.hardware.robotiq.registers import Activation, Command, Detection
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.modbus_slave import VirtualModbusSlave
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer

GO = Command(is_activated=True, is_going=True, position=255, speed=255, force=255)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fingers(gripper_config: GripperConfig, clock: ManualClock) -> FakeGripper:
    fingers = FakeGripper(gripper_config, clock)
    fingers.connect()
    return fingers


@pytest.fixture
def firmware(fingers: FakeGripper) -> VirtualRobotiq:
    return VirtualRobotiq(fingers)


@pytest.fixture
def active(firmware: VirtualRobotiq, clock: ManualClock) -> VirtualRobotiq:
    firmware.write(Command(is_activated=True))
    while firmware.read().activation is not Activation.COMPLETE:
        clock.sleep(0.1)
    firmware.write(Command(is_activated=True, is_going=True, speed=255))
    clock.sleep(1.0)
    assert firmware.read().position == 3
    return firmware


def test_an_activation_opens_and_closes_the_fingers_and_takes_its_time(
    firmware: VirtualRobotiq, clock: ManualClock
) -> None:
    assert firmware.read().activation is Activation.RESET
    firmware.write(Command(is_activated=True))
    clock.sleep(0.01)
    assert firmware.read().activation is Activation.IN_PROGRESS
    clock.sleep(0.5)  # at 0.15 m/s, 85 mm take 0.57 s
    assert firmware.read().activation is Activation.IN_PROGRESS
    clock.sleep(0.1)
    status = firmware.read()
    assert (status.activation, status.position) == (Activation.COMPLETE, 230)


def test_positions_change_at_the_speed_that_was_asked_for(
    active: VirtualRobotiq, clock: ManualClock
) -> None:
    active.write(Command(True, True, False, position=230, speed=51, force=0))  # 0.046 m/s
    clock.sleep(1.0)
    status = active.read()
    assert status.position == 3 + round(227 * 0.046 / 0.085)
    assert (status.detection, status.current_counts) == (Detection.IN_MOTION, 16)
    clock.sleep(1.0)
    status = active.read()
    assert (status.position, status.detection) == (230, Detection.AT_REQUEST)
    assert (status.position_request, status.current_counts) == (230, 0)


@pytest.mark.timing
def test_positions_change_at_that_speed_by_the_wall_clock(gripper_config: GripperConfig) -> None:
    fingers = FakeGripper(gripper_config, WallClock())
    fingers.connect()
    firmware = VirtualRobotiq(fingers)
    firmware.write(Command(is_activated=True))
    began = time.monotonic()
    while firmware.read().activation is not Activation.COMPLETE:
        time.sleep(0.005)
    assert 0.085 / 0.15 - 0.001 < time.monotonic() - began < 0.9


def test_an_object_stops_the_fingers_and_is_detected(
    active: VirtualRobotiq, fingers: FakeGripper, clock: ManualClock
) -> None:
    fingers.object_width = 0.034
    active.write(GO)
    clock.sleep(1.0)
    status = active.read()
    assert (status.detection, status.position) == (Detection.CONTACT_CLOSING, 139)


def test_clearing_the_go_to_bit_stops_the_fingers(
    active: VirtualRobotiq, clock: ManualClock
) -> None:
    active.write(GO)
    clock.sleep(0.2)
    active.write(Command(is_activated=True, position=255, speed=255, force=255))
    held = active.read().position
    clock.sleep(0.2)
    status = active.read()
    assert not status.is_going
    assert 3 < status.position == held < 230


def test_a_request_before_its_time_is_a_fault(
    firmware: VirtualRobotiq, clock: ManualClock
) -> None:
    firmware.write(Command(is_going=True))
    assert firmware.read().fault == 0x07
    firmware.write(Command(is_activated=True))
    firmware.write(GO)
    assert firmware.read().fault == 0x05
    clock.sleep(1.0)
    firmware.read()
    clock.sleep(1.0)
    status = firmware.read()  # the delayed action was done
    assert (status.fault, status.position, status.detection) == (0, 230, Detection.AT_REQUEST)


def test_an_automatic_release_opens_slowly_and_ends_in_a_fault(
    active: VirtualRobotiq, clock: ManualClock
) -> None:
    active.write(GO)
    clock.sleep(1.0)
    active.write(Command(is_activated=True, is_releasing=True))
    clock.sleep(2.0)  # at 0.02 m/s, 85 mm take 4.25 s
    assert active.read().fault == 0x0B
    clock.sleep(3.0)
    status = active.read()
    assert (status.fault, status.position) == (0x0F, 3)
    active.write(GO)
    assert active.read().position == 3  # nothing moves before a reset


def test_a_major_fault_lasts_until_a_reset(active: VirtualRobotiq, clock: ManualClock) -> None:
    active.raise_fault(0x0E)
    active.write(GO)
    clock.sleep(1.0)
    status = active.read()
    assert (status.fault, status.activation, status.position) == (0x0E, Activation.RESET, 3)
    active.write(Command())
    assert active.read().fault == 0


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("SET POS 255 SPE 10 FOR 100", b"ack"),
        ("GET POS", b"POS 3\n"),
        ("GET SPE", b"SPE 255\n"),
        ("GET NONSENSE", b"?\n"),
        ("SET POS", b"?\n"),
        ("SET POS 256", b"?\n"),
        ("SET STA 3", b"?\n"),
        ("hello", b"?\n"),
    ],
)
def test_the_server_answers_lines(active: VirtualRobotiq, line: str, answer: bytes) -> None:
    with (
        VirtualUrcapServer(active) as server,
        socket.create_connection(("127.0.0.1", server.port), 1.0) as client,
    ):
        client.sendall(f"{line[:3]}".encode())  # a line may come in pieces
        client.sendall(f"{line[3:]}\n".encode())
        assert client.recv(100) == answer


def test_servers_leave_nothing_behind(firmware: VirtualRobotiq) -> None:
    files, threads = _num_open_files(), threading.active_count()
    for kind in (VirtualUrcapServer, VirtualModbusSlave):
        server = kind(firmware)
        with server:
            assert threading.active_count() == threads + 1
        assert threading.active_count() == threads
        server.close()
        if isinstance(server, VirtualModbusSlave):
            assert not Path(server.device).parent.exists()
        else:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port), 1.0)
    assert _num_open_files() == files


def _num_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_blocked_fingers_stay_and_tell_of_contact_until_they_are_free(
    active: VirtualRobotiq, clock: ManualClock
) -> None:
    active.block()
    active.write(GO)
    clock.sleep(1.0)
    status = active.read()
    assert (status.position, status.detection) == (3, Detection.CONTACT_CLOSING)
    active.unblock()
    clock.sleep(1.0)
    status = active.read()
    assert (status.position, status.detection) == (230, Detection.AT_REQUEST)
    active.block()
    active.write(Command(is_activated=True, is_going=True, speed=255))
    clock.sleep(1.0)
    assert active.read().detection is Detection.CONTACT_OPENING
