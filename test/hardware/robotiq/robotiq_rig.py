"""A driver, and the virtual gripper that it drives."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from equigrasp.devices.fakes import FakeGripper
from equigrasp.devices.motion import MotionStatus
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.registers import Activation, Command
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.server import GripperServer

RATE = 10.0  # times real time, at which the fingers of most tests move


class FastClock:
    """The steady clock, sped up."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._skipped = 0.0  # [s]

    def now(self) -> float:
        return time.monotonic() * self._rate + self._skipped

    stamp = now

    def skip(self, duration: float) -> None:
        """Let `duration` [s] pass at once."""
        self._skipped += duration

    def pause(self) -> None:
        time.sleep(0.001)


@dataclass
class Rig:
    """All that a test reaches for, from driver to fingers."""

    driver: RobotiqGripper
    server: GripperServer
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
