"""A driver, and the virtual gripper that it drives."""

from collections.abc import Callable
from dataclasses import dataclass

from equigrasp.devices.fakes import FakeGripper, ManualClock
from equigrasp.devices.motion import MotionStatus
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.registers import Activation, Command
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.server import GripperServer


class SkippedClock(ManualClock):
    """Time of driver and fingers: it passes while somebody waits, whatever the machine does."""

    skip = ManualClock.sleep


@dataclass
class Rig:
    """All that a test reaches for, from driver to fingers."""

    driver: RobotiqGripper
    server: GripperServer
    firmware: VirtualRobotiq
    fingers: FakeGripper
    clock: SkippedClock

    def activate(self) -> None:
        """Have the gripper activated before, as if by somebody else."""
        self.firmware.write(Command(is_activated=True))
        while self.firmware.read().activation is not Activation.COMPLETE:
            self.clock.skip(1.0)

    def wait(self, timeout: float = 20.0) -> MotionStatus:
        """Let time pass until the motion ends; return how it did."""
        deadline = self.clock.now() + timeout
        while (status := self.driver.motion_status()).is_active:
            assert self.clock.now() < deadline, "the motion never ends"
            self.clock.skip(0.02)
        return status

    def open_and_close_on(self, object_width: float) -> MotionStatus:
        """Return how closing on an object ended, from wide open."""
        self.driver.start_move(0.085, 0.15, 40.0)
        self.wait()
        self.fingers.object_width = object_width
        self.driver.start_move(0.0, 0.15, 40.0)
        return self.wait()


MakeRig = Callable[..., Rig]
