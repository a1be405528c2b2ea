"""A UR controller without its cabinet: modes, safety, program and faults on demand."""

import logging
import threading
from collections.abc import Callable

import numpy as np

from equigrasp.devices.arm import Arm
from equigrasp.devices.clock import Clock
from equigrasp.devices.motion import JointState
from equigrasp.errors import CommandRejectedError
from equigrasp.virtual.ur.ur_motion import Rest, UrMotion
from equigrasp.virtual.ur.ur_script import ControlScript
from equigrasp.virtual.ur.ur_state import (
    RobotMode,
    RuntimeState,
    SafetyMode,
    UrState,
    joint_fields,
)

_LOGGER = logging.getLogger(__name__)
_CB3, _E_SERIES = (3, 15, 8, 106339), (5, 11, 0, 108249)  # PolyScope versions


class UrController:
    """Moves any six-jointed `Arm` as a UR5's controller would, for clients of `UrServer`.

    Modelled: power, brakes, protective and emergency stop, the speed slider, local and remote
    control, the control script of ur_rtde with its watchdog. Not modelled: poses of the TCP,
    currents, voltages, digital and analogue signals, which read 0; URScript of one's own.

    Args:
        arm: What it moves, connected; keeps its own limits.
        clock: The arm's clock; only this controller advances it.
        is_e_series: Whether it is an e-Series (500 Hz, remote control) or a CB3 (125 Hz).
        unlock_delay: Time after a protective stop before it can be unlocked [s]; 5 s on the real
            robot (Dashboard Server, "unlock protective stop").

    Attributes:
        state: What is reported. Tests may set `speed_fraction`; the force on the TCP is
            the arm's own where it measures one, without torques.
        is_remote: Remote control (e-Series); in local control no script is accepted.
        refuses_scripts: Fault: uploaded scripts do not start.
        servo_gain: Gain of the last servoj.
        watch: Called once a cycle with the controller's time [s], the measured joints and the speeds
            that it commands, shape (6,) [rad/s].
        lock: Held while a cycle runs and while a client is served.
    """

    def __init__(
        self, arm: Arm, clock: Clock, *, is_e_series: bool = False, unlock_delay: float = 5.0
    ) -> None:
        self.lock = threading.RLock()
        self.version = _E_SERIES if is_e_series else _CB3
        self.cycle_time = 1.0 / (500.0 if is_e_series else 125.0)
        self.state = UrState()
        self.is_remote = True
        self.refuses_scripts = False
        self.servo_gain = 0.0
        self.watch: Callable[[float, JointState, np.ndarray], None] = lambda *sample: None
        self.watchdog_period: float | None = None
        self.stop_deceleration = float(min(arm.limits.stop_accelerations))
        self._arm = arm
        self._start = clock.now()
        self._num_cycles = 0
        self._motion = UrMotion(arm, clock, self.cycle_time)
        self._script: ControlScript | None = None
        self._last_input = 0.0
        self._unlock_delay = unlock_delay
        self._unlock_time = 0.0
        self._is_button_pressed = False

    def cycle(self) -> dict[str, object]:
        """Let one control cycle pass; return the RTDE output fields by name."""
        with self.lock:
            self._num_cycles += 1
            self.state.timestamp = self._num_cycles * self.cycle_time
            self._run_script()
            try:
                until = self._start + self.state.timestamp
                self._motion.advance(until, self.state.speed_fraction)
            except CommandRejectedError as error:
                _LOGGER.warning("The arm deviates from its path: %s", error)
                self.trigger_protective_stop()
            joints = self._arm.joint_state()
            motion = self._motion
            self.watch(self.state.timestamp, joints, motion.target_velocities)
            force = self._arm.tcp_force()
            if force is not None:  # the controller's base is turned by half a turn about z
                self.state.tcp_force = (-force[0], -force[1], force[2], 0.0, 0.0, 0.0)
            return self.state.fields() | joint_fields(
                joints.positions,
                joints.velocities,
                joints.efforts,
                motion.target_positions,
                motion.target_velocities,
            )

    def write_inputs(self, values: dict[str, float]) -> None:
        """Take over the input fields that a client sent."""
        with self.lock:
            self.state.registers.update(values)
            if self._script is not None and self._script.watchdog_register in values:
                self._last_input = self.state.timestamp
            if values.get("speed_slider_mask"):
                fraction = values.get("speed_slider_fraction", 1.0)
                self.state.speed_fraction = float(np.clip(fraction, 0.0, 1.0))

    def run_script(self, text: bytes) -> None:
        """Start an uploaded script, or ignore it where the controller would."""
        with self.lock:
            is_able = self.state.robot_mode is RobotMode.RUNNING
            is_safe = self.state.safety_mode is SafetyMode.NORMAL
            if self.refuses_scripts or not (is_able and is_safe and self.is_remote):
                return
            self.stop_program()
            self._script = ControlScript(text, self, self._motion)
            self.state.runtime_state = RuntimeState.PLAYING

    def stop_program(self) -> None:
        """End the program; the arm decelerates."""
        with self.lock:
            self._script = None
            self.watchdog_period = None
            self.state.runtime_state = RuntimeState.STOPPED
            self._motion.command(Rest(self.stop_deceleration))

    def trigger_protective_stop(self) -> None:
        """Fault: stop the arm and lock it until a client unlocks it."""
        with self.lock:
            self.stop_program()
            if self.state.safety_mode is SafetyMode.NORMAL:
                self.state.safety_mode = SafetyMode.PROTECTIVE_STOP
                self._unlock_time = self.state.timestamp + self._unlock_delay

    def unlock_protective_stop(self) -> bool:
        """Release a protective stop; False where it is too early."""
        with self.lock:
            if self.state.safety_mode is not SafetyMode.PROTECTIVE_STOP:
                return True
            if self.state.timestamp < self._unlock_time:
                return False
            self.state.safety_mode = SafetyMode.NORMAL
            return True

    def press_emergency_stop(self) -> None:
        """Fault: push the button; the arm stops and loses power."""
        with self.lock:
            self.stop_program()
            self._is_button_pressed = True
            self.state.safety_mode = SafetyMode.ROBOT_EMERGENCY_STOP
            self.state.robot_mode = RobotMode.POWER_OFF

    def release_emergency_stop(self) -> None:
        """Pull the button out again; the arm stays without power."""
        with self.lock:
            self._is_button_pressed = False
            self.state.safety_mode = SafetyMode.NORMAL

    def power_on(self) -> bool:
        """Power the arm with its brakes on; False while the emergency stop is pressed."""
        with self.lock:
            if self._is_button_pressed:
                return False
            if self.state.robot_mode is RobotMode.POWER_OFF:
                self.state.robot_mode = RobotMode.IDLE
            return True

    def release_brakes(self) -> bool:
        """Make the arm able to move; False while the emergency stop is pressed."""
        with self.lock:
            if not self.power_on():
                return False
            self.state.robot_mode = RobotMode.RUNNING
            return True

    def _run_script(self) -> None:
        if self._script is None:
            return
        silence = self.state.timestamp - self._last_input
        if self.watchdog_period is not None and silence > self.watchdog_period:
            _LOGGER.warning("Watchdog: no input for %.3f s, the program stops.", silence)
            self.stop_program()
            return
        try:
            is_running = self._script.cycle()
        except ValueError as error:
            _LOGGER.error("The program ends with an error: %s", error)
            is_running = False
        if not is_running:
            self.stop_program()
