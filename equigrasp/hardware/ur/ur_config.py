"""Settings of a UR arm that is driven over RTDE."""

import math
from dataclasses import dataclass

from equigrasp.errors import ConfigError

# Ranges that ur_rtde 1.6.5 accepts.
_RANGES = {
    "servo_rate": (50.0, 500.0),
    "servo_lookahead_time": (0.03, 0.2),
    "servo_gain": (100.0, 2000.0),
    "payload_mass": (0.0, 20.0),
    "tracking_tolerance": (0.01, 1.0),
    "watchdog_frequency": (1.0, 100.0),
    "link_timeout": (0.05, 5.0),
    "connect_timeout": (1.0, 60.0),
    "recover_timeout": (1.0, 120.0),
}


@dataclass(frozen=True)
class UrConfig:
    """A UR robot, as `config/arm_drivers/<name>.yaml` describes it.

    Args:
        host: Address of the controller.
        servo_rate: Set-points per second [Hz]; 125 on a CB3, up to 500 on an e-Series.
        servo_lookahead_time: Time that the controller smooths the set-points over [s].
        servo_gain: Stiffness with which the controller follows them, 100 to 2000.
        payload_mass: What hangs on the flange [kg].
        payload_cog: Its centre of gravity in `tool0` [m].
        tcp: Pose of the TCP in `tool0`: position [m], rotation vector [rad].
        tracking_tolerance: Distance of a joint from its set-point at which the arm counts as
            blocked [rad]; beyond what a moving joint lags behind it.
        watchdog_frequency: The controller stops the arm when set-points arrive more rarely [Hz].
        link_timeout: Silence of the controller after which the link counts as lost [s].
        connect_timeout: Bound on the time to connect [s].
        recover_timeout: Bound on each step of a recovery [s].
    """

    host: str
    # The gain as in Universal_Robots_ROS2_Driver, the stiffest; the look-ahead by measurement.
    servo_rate: float = 125.0
    servo_lookahead_time: float = 0.05
    servo_gain: float = 2000.0
    payload_mass: float = 0.0
    payload_cog: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tcp: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    tracking_tolerance: float = 0.12
    watchdog_frequency: float = 10.0
    link_timeout: float = 0.2
    connect_timeout: float = 15.0
    recover_timeout: float = 20.0

    def __post_init__(self) -> None:
        if not self.host:
            raise ConfigError("host is empty; give the controller's address, as 192.168.1.102.")
        for key, (low, high) in _RANGES.items():
            value = getattr(self, key)
            if not low <= value <= high:
                raise ConfigError(f"{key} must be in [{low}, {high}], found {value}.")
        for key in ("payload_cog", "tcp"):
            if not all(math.isfinite(v) for v in getattr(self, key)):
                raise ConfigError(f"{key} must be finite numbers, found {getattr(self, key)}.")
        if self.servo_rate < 2.0 * self.watchdog_frequency:
            raise ConfigError(
                f"watchdog_frequency must be at most half of servo_rate ({self.servo_rate} Hz), "
                f"found {self.watchdog_frequency}."
            )
