"""Configuration of the Robotiq driver."""

from dataclasses import dataclass
from typing import Literal

from equigrasp.errors import ConfigError


@dataclass(frozen=True)
class RobotiqConfig:
    """How a Robotiq gripper is reached, as `config/gripper_drivers/<name>.yaml` describes it.

    Args:
        transport: `urcap` (socket server of the Robotiq URCap on a UR controller) or `modbus`
            (Modbus RTU on a serial port).
        host: Name or address of the controller, with `urcap`.
        port: TCP port of the URCap's server.
        device: Device file of the serial port, with `modbus`.
        open_counts: Position that the gripper reports with its fingers open.
        closed_counts: Position that it reports with its fingertips together.
        use_auto_calibration: Measure both when connecting; the fingers then close and open.
        answer_timeout: Bound on connecting, and on each answer [s].
        activation_timeout: Bound on the activation [s].
    """

    transport: Literal["urcap", "modbus"]
    host: str = ""
    port: int = 63352
    device: str = ""
    open_counts: int = 3
    closed_counts: int = 230
    use_auto_calibration: bool = False
    answer_timeout: float = 0.25
    activation_timeout: float = 10.0

    def __post_init__(self) -> None:
        needed = "host" if self.transport == "urcap" else "device"
        if not getattr(self, needed):
            raise ConfigError(f"transport '{self.transport}' needs a {needed}, found ''.")
        if not 0 < self.port < 65536:
            raise ConfigError(f"port must be in [1, 65535], found {self.port}.")
        if not 0 <= self.open_counts < self.closed_counts <= 255:
            raise ConfigError(
                "open_counts and closed_counts must rise within [0, 255],"
                f" found {self.open_counts} and {self.closed_counts}."
            )
        for key in ("answer_timeout", "activation_timeout"):
            if not getattr(self, key) > 0.0:
                raise ConfigError(f"{key} must be positive, found {getattr(self, key)}.")
