"""What a UR controller tells about itself: modes, registers and the fields of RTDE."""

import enum
from dataclasses import dataclass, field

import numpy as np

ROBOT_STATUS_POWER_ON = 1 << 0
ROBOT_STATUS_PROGRAM_RUNNING = 1 << 1


class RobotMode(enum.IntEnum):
    """Robot modes (RTDE Guide, "Robot mode")."""

    POWER_OFF = 3
    IDLE = 5
    RUNNING = 7


class SafetyMode(enum.IntEnum):
    """Safety modes (RTDE Guide, "Safety mode")."""

    NORMAL = 1
    PROTECTIVE_STOP = 3
    ROBOT_EMERGENCY_STOP = 7


class RuntimeState(enum.IntEnum):
    """States of the program (RTDE Guide, "Runtime state")."""

    STOPPED = 1
    PLAYING = 2


# Bits of safety_status_bits (RTDE Guide): 0 normal, 2 protective stop, 6 robot emergency stop,
# 7 emergency stop, 10 stopped due to safety.
_SAFETY_BITS = {
    SafetyMode.NORMAL: 1 << 0,
    SafetyMode.PROTECTIVE_STOP: 1 << 2 | 1 << 10,
    SafetyMode.ROBOT_EMERGENCY_STOP: 1 << 6 | 1 << 7 | 1 << 10,
}


@dataclass
class UrState:
    """Everything that a controller reports, but the joints.

    Attributes:
        timestamp: Time since the controller's start [s].
        robot_mode: Power and brakes.
        safety_mode: What the safety system allows.
        runtime_state: Whether the program runs.
        speed_fraction: Speed slider, 0 to 1.
        tcp_force: Generalized force on the TCP in the base frame, shape (6,) [N, N·m].
        payload_mass: [kg].
        payload_cog: Centre of gravity from the flange, (3,) [m].
        tcp_offset: Pose of the TCP from the flange, (6,) [m, rad as rotation vector].
        registers: Input and output registers by their RTDE name.
    """

    timestamp: float = 0.0
    robot_mode: RobotMode = RobotMode.RUNNING
    safety_mode: SafetyMode = SafetyMode.NORMAL
    runtime_state: RuntimeState = RuntimeState.STOPPED
    speed_fraction: float = 1.0
    tcp_force: tuple[float, ...] = (0.0,) * 6
    payload_mass: float = 0.0
    payload_cog: tuple[float, ...] = (0.0,) * 3
    tcp_offset: tuple[float, ...] = (0.0,) * 6
    registers: dict[str, float] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        """Return the RTDE output fields by name, but those of the joints."""
        is_playing = self.runtime_state is RuntimeState.PLAYING
        power = ROBOT_STATUS_POWER_ON if self.robot_mode is RobotMode.RUNNING else 0
        program = ROBOT_STATUS_PROGRAM_RUNNING if is_playing else 0
        return {
            "timestamp": self.timestamp,
            "robot_mode": int(self.robot_mode),
            "safety_mode": int(self.safety_mode),
            "runtime_state": int(self.runtime_state),
            "robot_status_bits": power | program,
            "safety_status_bits": _SAFETY_BITS[self.safety_mode],
            "speed_scaling": 1.0,
            "target_speed_fraction": self.speed_fraction,
            "actual_TCP_force": self.tcp_force,
            "payload": self.payload_mass,
            "payload_cog": self.payload_cog,
            **{k: v for k, v in self.registers.items() if k.startswith("output")},
        }


def joint_fields(
    positions: np.ndarray,
    velocities: np.ndarray,
    efforts: np.ndarray,
    target_positions: np.ndarray,
    target_velocities: np.ndarray,
) -> dict[str, object]:
    """Return the RTDE output fields of the joints, each shape (6,) [rad, rad/s, N·m]."""
    return {
        "actual_q": positions.tolist(),
        "actual_qd": velocities.tolist(),
        "target_moment": efforts.tolist(),
        "target_q": target_positions.tolist(),
        "target_qd": target_velocities.tolist(),
    }
