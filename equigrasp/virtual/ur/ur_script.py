"""The control script that ur_rtde uploads, as its registers show it; URScript is not interpreted.

The numbers of commands and registers are those of the script that ur_rtde 1.6.5 carries and sends
(MIT licence): a client writes the number of a command to input integer register 0 and its values
to the double registers; the script answers in output integer register 0.
"""

import re
from collections.abc import Callable
from typing import Protocol

import numpy as np

from equigrasp.virtual.ur.ur_motion import Move, Rest, Servo, Speed, UrMotion
from equigrasp.virtual.ur.ur_state import UrState

READY = 1
DONE = 2
NO_COMMAND = 0
STOP_SCRIPT = 255
_REAL_TIME = {9, 11}  # speedj and servoj: answered with READY at once, never with DONE

_OFFSET = re.compile(rb"reg_offset_int = # int register offset\n(\d+)")


class Registers(Protocol):
    """What a script reads and sets of its controller; see `UrController`."""

    state: UrState
    servo_gain: float
    watchdog_period: float | None
    stop_deceleration: float

    def trigger_protective_stop(self) -> None:
        """Stop the arm and lock it."""


class ControlScript:
    """One run of the script: reads a command each cycle and acts on it.

    Args:
        text: What the client uploaded.
        controller: Whose registers are read and whose payload, TCP and watchdog are set.
        motion: What moves the arm.
    """

    def __init__(self, text: bytes, controller: Registers, motion: UrMotion) -> None:
        match = _OFFSET.search(text)
        self._offset = int(match.group(1)) if match else 0
        self._controller = controller
        self._motion = motion
        self._is_executing = False
        self._is_done: Callable[[], bool] | None = None
        self._actions: dict[int, Callable[[], Callable[[], bool] | None]] = {
            1: self._move_joints,
            9: self._speed_joints,
            11: self._servo_joints,
            15: self._stop,
            16: self._stop_servo,
            17: self._set_payload,
            29: self._set_tcp,
            31: self._protective_stop,
            34: self._stop_joints,
            35: self._set_watchdog,
            40: self._get_tcp_offset,
            47: self._is_steady,
        }
        self._answer(READY)

    @property
    def watchdog_register(self) -> str:
        """Name of the input register that the watchdog looks at."""
        return f"input_int_register_{self._offset}"

    def cycle(self) -> bool:
        """Do one pass of the script's main loop; return False when it ends.

        Raises:
            ValueError: on a command that is not modelled, as a script error would end the program.
        """
        if self._is_done is not None:
            if not self._is_done():
                return True
            self._is_done = None
            self._answer(DONE)
        number = int(self._int(0))
        if number == NO_COMMAND:
            self._is_executing = False
            self._answer(READY)
        elif number in _REAL_TIME:
            self._actions[number]()
            self._answer(READY)
        elif number == STOP_SCRIPT:
            return False
        elif not self._is_executing:
            self._is_executing = True
            self._begin(number)
        return True

    def _begin(self, number: int) -> None:
        if number not in self._actions:
            known = ", ".join(map(str, sorted(self._actions)))
            raise ValueError(f"Script command {number} is not modelled. Known: {known}.")
        self._is_done = self._actions[number]()
        if self._is_done is None:
            self._answer(DONE)

    def _answer(self, value: int) -> None:
        self._controller.state.registers[f"output_int_register_{self._offset}"] = value

    def _int(self, index: int) -> float:
        name = f"input_int_register_{index + self._offset}"
        return self._controller.state.registers.get(name, 0)

    def _doubles(self, first: int, count: int) -> np.ndarray:
        names = (f"input_double_register_{first + i + self._offset}" for i in range(count))
        return np.array([self._controller.state.registers.get(name, 0.0) for name in names])

    def _move_joints(self) -> Callable[[], bool] | None:
        speed, acceleration = self._doubles(6, 2)
        self._motion.command(Move(self._doubles(0, 6), float(speed), float(acceleration)))
        is_asynchronous = self._int(1) == 1
        return None if is_asynchronous else lambda: self._motion.has_arrived

    def _speed_joints(self) -> None:
        acceleration = float(self._doubles(6, 1)[0])
        self._motion.command(Speed(self._doubles(0, 6), acceleration))

    def _servo_joints(self) -> None:
        lookahead, gain = self._doubles(9, 2)
        self._controller.servo_gain = float(gain)
        self._motion.command(Servo(self._doubles(0, 6), float(lookahead)))

    def _stop(self) -> Callable[[], bool]:
        self._motion.command(Rest(float(self._doubles(0, 1)[0])))
        return lambda: self._motion.has_arrived

    def _stop_joints(self) -> Callable[[], bool] | None:
        wait = self._stop()
        return None if self._int(1) == 1 else wait

    def _stop_servo(self) -> Callable[[], bool]:
        # The real script calls stopl, whose rate [m/s²] is one of the tool.
        self._motion.command(Rest(self._controller.stop_deceleration))
        return lambda: self._motion.has_arrived

    def _set_payload(self) -> None:
        self._controller.state.payload_mass = float(self._doubles(0, 1)[0])
        self._controller.state.payload_cog = tuple(self._doubles(1, 3))

    def _set_tcp(self) -> None:
        self._controller.state.tcp_offset = tuple(self._doubles(0, 6))

    def _get_tcp_offset(self) -> None:
        for i, value in enumerate(self._controller.state.tcp_offset):
            name = f"output_double_register_{i + self._offset}"
            self._controller.state.registers[name] = value

    def _protective_stop(self) -> None:
        self._controller.trigger_protective_stop()

    def _set_watchdog(self) -> None:
        self._controller.watchdog_period = 1.0 / float(self._doubles(0, 1)[0])

    def _is_steady(self) -> None:
        name = f"output_int_register_{1 + self._offset}"
        self._controller.state.registers[name] = int(self._motion.is_at_rest)
