"""What both ways to a virtual gripper share."""

from abc import abstractmethod
from typing import Any

from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.virtual.robotiq.faulty_line import FaultyLine
from equigrasp.virtual.server import Server


class GripperServer(Server):
    """Answers a gripper's driver.

    Attributes:
        line: What answers go through.
    """

    def __init__(self, *address: Any) -> None:
        super().__init__(*address)
        self.line = FaultyLine()

    def close(self) -> None:
        self.line.close()
        super().close()

    @abstractmethod
    def driver_config(self) -> RobotiqConfig:
        """Return the configuration with which a driver reaches this server, once started."""
