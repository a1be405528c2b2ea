"""Contract of what carries registers to a Robotiq gripper and back."""

from abc import ABC, abstractmethod

from equigrasp.hardware.robotiq.registers import Command, Status


class Link(ABC):
    """One way to the gripper.

    No call waits longer than the link's answer timeout allows, one that fails 0.2 s more.
    Every method but `close` raises `DeviceTimeoutError` if the other side cannot be reached or
    does not answer in time, and `DeviceError` if its answer makes no sense. A link that raised
    may be out of step with the other side: close it before the next call.
    """

    @abstractmethod
    def open(self) -> None:
        """Reach the other side; does nothing while the link is open."""

    @abstractmethod
    def close(self) -> None:
        """Let go of socket or port; may be called twice, never raises."""

    @abstractmethod
    def write(self, command: Command) -> None:
        """Write all output registers at once."""

    @abstractmethod
    def read(self) -> Status:
        """Read all input registers."""
