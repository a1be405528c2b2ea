"""A driver and the virtual gripper that it drives, over either transport."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from equigrasp.devices.arm import MotionStatus
from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.fakes import FakeGripper
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.make import make_link
from equigrasp.hardware.robotiq.registers import Activation, Command
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.modbus_slave import VirtualModbusSlave
from equigrasp.virtual.robotiq.server import Server
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer

RATE = 10.0  # times real time, at which the fingers of most tests move


class FastClock:
    """The steady clock, sped up."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._skipped = 0.0  # [s]

    def now(self) -> float:
        return time.monotonic() * self._rate + self._skipped

    def skip(self, duration: float) -> None:
        """Let `duration` [s] pass at once."""
        self._skipped += duration

    def pause(self) -> None:
        time.sleep(0.001)


@dataclass
class Rig:
    """All that a test reaches for, from driver to fingers."""

    driver: RobotiqGripper
    server: Server
    firmware: VirtualRobotiq
    fingers: FakeGripper
    clock: FastClock

    def activate(self) -> None:
        """Have the gripper activated before, as if by somebody else."""
        self.firmware.write(Command(is_activated=True))
        while self.firmware.read().activation is not Activation.COMPLETE:
            self.clock.skip(1.0)

    def wait(self, timeout: float = 2.0) -> MotionStatus:
        """Return how the motion ended."""
        deadline = time.monotonic() + timeout
        while (status := self.driver.motion_status()).is_active:
            assert time.monotonic() < deadline, "the motion never ends"
            time.sleep(0.002)
        return status

    def open_and_close_on(self, object_width: float) -> MotionStatus:
        """Return how closing on an object ended, from wide open."""
        self.driver.start_move(0.085, 0.15, 40.0)
        self.wait()
        self.fingers.object_width = object_width
        self.driver.start_move(0.0, 0.15, 40.0)
        return self.wait()


MakeRig = Callable[..., Rig]


@pytest.fixture(params=["urcap", "modbus"])
def transport(request: pytest.FixtureRequest) -> str:
    """Name of a transport."""
    if request.param == "modbus":
        pytest.importorskip("minimalmodbus")
    return request.param


@pytest.fixture
def make_rig(transport: str, gripper_config: GripperConfig) -> Iterator[MakeRig]:
    """Build rigs that are gone when the test ends; the driver is not connected."""
    with ExitStack() as stack:

        def build(rate: float = RATE, closed_counts: int = 230, **options: object) -> Rig:
            clock = FastClock(rate)
            fingers = FakeGripper(gripper_config, clock)
            fingers.connect()
            firmware = VirtualRobotiq(fingers, closed_counts=closed_counts)
            kind = VirtualUrcapServer if transport == "urcap" else VirtualModbusSlave
            server = stack.enter_context(kind(firmware))
            config = dataclasses.replace(server.driver_config(), **options)
            driver = RobotiqGripper(gripper_config, config, make_link(config))
            stack.callback(driver.disconnect)
            return Rig(driver, server, firmware, fingers, clock)

        yield build


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """A connected gripper that was active before, its fingers closed."""
    rig = make_rig()
    rig.activate()
    rig.driver.connect()
    return rig
