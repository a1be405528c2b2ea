"""The process that talks to a UR controller through ur_rtde, servoing once a cycle.

Started by `UrLink` as `python -m equigrasp.hardware.ur.ur_process FILE_DESCRIPTOR`.
"""

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from equigrasp.devices.motion import JointState, MotionState, MotionStatus, StopReason
from equigrasp.devices.real_time import take_real_time_priority
from equigrasp.errors import CommandRejectedError, DeviceError
from equigrasp.hardware.ur import ur_modes
from equigrasp.hardware.ur.servo_reference import ServoReference
from equigrasp.hardware.ur.ur_dashboard import load_library
from equigrasp.hardware.ur.ur_link import (
    EndOrder,
    FollowOrder,
    StopOrder,
    UrFailure,
    UrProgress,
    UrReport,
    UrSetup,
)
from equigrasp.planning.cell_guard import CellGuard

_SETTLE_TOLERANCE = 0.01  # [rad] distance to the goal at which a motion has arrived
_SETTLE_SPEED = 0.02  # [rad/s]
_STILL_TIME = (
    0.02  # [s] below that speed after which joints rest: one that swings back passes it too
)
_SETTLE_TIME = 0.5  # [s] allowed for arriving after the last point
_LAG = 0.07  # [s] beyond the look-ahead by which a joint that moves may lag behind its set-point
_SCRIPT_TIMEOUT = 2.0  # [s] until the uploaded script is seen to run
_PATIENCE = 2.0  # periods for which the controller's next cycle is awaited
_DELAY = 1.5  # periods from a measured state to the set-point that answers it
_LATE = 0.03  # [s] without news after which the controller is taken to have run on
_POLLS = 8  # looks for the controller's next cycle in a period
_LONGEST_FAREWELL = 10  # [s] for the script to be stopped
_VARIABLES = [
    "timestamp",
    "actual_q",
    "actual_qd",
    "target_moment",
    "actual_TCP_force",
    "robot_mode",
    "safety_mode",
    "runtime_state",
    "speed_scaling",
    "target_speed_fraction",
]


class _Robot:
    """The two RTDE connections of ur_rtde, with the control script running."""

    def __init__(self, setup: UrSetup, tell: Callable[[str], None]) -> None:
        config = setup.config
        self.period = 1.0 / config.servo_rate  # [s]
        self._config = config
        tell("waiting for the robot's state")
        self._receive: Any = load_library("rtde_receive").RTDEReceiveInterface(
            config.host, config.servo_rate, _VARIABLES
        )
        tell("starting the control script: is a popup open on the pendant?")
        self._control: Any = load_library("rtde_control").RTDEControlInterface(
            config.host, config.servo_rate
        )
        self._last_stamp = self._last_cycle = self._silence = 0.0
        self._last_read = time.monotonic()
        self._wait_for_script()
        if not (
            self._control.setPayload(config.payload_mass, list(config.payload_cog))
            and self._control.setTcp(list(config.tcp))
            and self._control.setWatchdog(config.watchdog_frequency)
        ):
            raise DeviceError("the control script refused payload, TCP or watchdog.")

    def _wait_for_script(self) -> None:
        # The two connections are not in step: the other one knows already that the script runs.
        deadline = time.monotonic() + _SCRIPT_TIMEOUT
        while self._receive.getRuntimeState() != ur_modes.PROGRAM_PLAYING:
            if time.monotonic() > deadline:
                raise DeviceError(f"the control script did not run within {_SCRIPT_TIMEOUT} s.")
            time.sleep(self.period)

    def wait(self) -> float:
        """Wait for the controller's next cycle; return what has passed by its clock [s], 0 if none comes.

        One set-point for each of its cycles, at its own pace: two clocks of 125 Hz that drift would now
        and then give it two, or none, and the joints would answer with a jerk.
        """
        deadline = time.monotonic() + _PATIENCE * self.period
        while (stamp := self._receive.getTimestamp()) == self._last_cycle:
            if time.monotonic() > deadline:
                return 0.0
            time.sleep(self.period / _POLLS)
        step, self._last_cycle = stamp - self._last_cycle, stamp
        return max(0.0, float(step))  # a controller that was started anew counts from zero

    def read(self) -> UrReport:
        """Return the newest state; raise `DeviceError` when the link is lost."""
        report = self._read_at_once()
        now = time.monotonic()
        if report.robot_time != self._last_stamp:
            self._last_stamp, self._silence = report.robot_time, 0.0
        else:  # time in which this process itself did not run is not the controller's silence
            self._silence += min(now - self._last_read, _PATIENCE * self.period)
        self._last_read = now
        if not (self._receive.isConnected() and self._control.isConnected()):
            raise DeviceError("the controller closed the connection")
        if self._silence > self._config.link_timeout:
            raise DeviceError(f"no data from the controller for {self._config.link_timeout} s")
        return report

    def _read_at_once(self) -> UrReport:
        receive = self._receive
        while True:
            stamp = receive.getTimestamp()
            modes = receive.getRobotMode(), receive.getSafetyMode(), receive.getRuntimeState()
            report = UrReport(
                joints=JointState(
                    time.time(),
                    np.array(receive.getActualQ()),
                    np.array(receive.getActualQd()),
                    np.array(receive.getTargetMoment()),
                ),
                robot_time=stamp,
                set_point=np.zeros(6),
                departure=np.zeros(6),
                tcp_force=np.array(receive.getActualTCPForce()),
                speed_fraction=min(1.0, receive.getSpeedScalingCombined()),
                fault=_fault(*modes),
            )
            if receive.getTimestamp() == stamp:  # no package came in between
                return report

    def servo(self, positions: np.ndarray) -> None:
        """Send a set-point, shape (6,) [rad]; kicks the watchdog too."""
        config = self._config
        self._control.servoJ(
            positions.tolist(),
            0.0,  # speed and acceleration: not used by ur_rtde
            0.0,
            self.period,
            config.servo_lookahead_time,
            config.servo_gain,
        )

    def stop_script(self) -> None:
        """End the control script; a servo that it still runs comes to rest."""
        self._control.stopScript()


def _fault(robot_mode: int, safety_mode: int, runtime_state: int) -> MotionStatus | None:
    problem = ur_modes.problem(robot_mode, safety_mode, runtime_state)
    reason = ur_modes.stop_reason(safety_mode)
    return MotionStatus(MotionState.FAULT, problem, reason) if problem else None


class _Servo:
    """Follows one order after the other."""

    def __init__(self, setup: UrSetup, robot: _Robot, guard: CellGuard | None) -> None:
        self._robot = robot
        self._tolerance = setup.config.tracking_tolerance
        self._lookahead_time = setup.config.servo_lookahead_time
        self._lag = self._lookahead_time + _LAG
        self._limits = setup.limits
        self._joint_names = setup.joint_names
        self._guard = guard
        self._joints = robot.read().joints
        self._reference = self._new_reference()
        self._number = 0
        self._status = MotionStatus(MotionState.IDLE)
        self._time_at_end = self._still_time = 0.0
        self._fault: MotionStatus | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether set-point and arm stand still."""
        return self._reference.is_at_rest and not self._status.is_active

    def take(self, order: FollowOrder | StopOrder) -> None:
        """Begin an order."""
        self._number = order.number
        self._time_at_end = 0.0
        if isinstance(order, StopOrder):
            self.brake()
        elif self._fault:
            self._status = self._fault
        else:
            self._reference.follow(order.trajectory)
            self._status = MotionStatus(MotionState.MOVING)

    def brake(self) -> None:
        """Begin to decelerate, if something moves."""
        if self._status.state is MotionState.MOVING:
            self._release()
            self._status = MotionStatus(MotionState.STOPPING)

    def note_delay(self, delay: float) -> None:
        """Take note that the controller ran for `delay` [s] without a new set-point.

        Its servo, taken as a critically damped one, has slowed down meanwhile.
        """
        decay = 2.0 * delay / self._lookahead_time
        self._reference.slow_to((1.0 + decay) * math.exp(-decay))

    def cycle(self, step: float) -> UrReport:
        """Move the set-point on by `step` [s], send it and return the state."""
        state = self._robot.read()
        self._fault = self._fault or state.fault
        joints = self._joints = state.joints
        if self._fault:
            # Whoever unlocks the robot finds the set-point where it stands.
            self._reference = self._new_reference()
            if self._status.is_active:
                self._status = self._fault
        else:
            self._reference.advance(step, state.speed_fraction)
            self._judge(joints, step)
            self._hold_box()
            self._robot.servo(self._reference.positions)
        return UrReport(
            joints,
            state.robot_time,
            self._reference.positions,
            self._reference.departure,
            state.tcp_force,
            state.speed_fraction,
            self._fault,
            self._number,
            self._status,
        )

    def _new_reference(self) -> ServoReference:
        return ServoReference(self._limits, self._joints.positions, self._lookahead_time)

    def _release(self) -> None:
        """Let the joints slow down from where they will be when the controller hears of it."""
        joints = self._joints
        ahead = _DELAY * self._robot.period * joints.velocities
        self._reference.brake(joints.positions + ahead, joints.velocities)

    def _judge(self, joints: JointState, step: float) -> None:
        errors = np.abs(self._reference.positions - joints.positions)
        is_slow = np.abs(joints.velocities).max() < _SETTLE_SPEED
        self._still_time = self._still_time + step if is_slow else 0.0
        is_still = self._still_time > _STILL_TIME
        if self._status.state is MotionState.STOPPING and self._reference.is_at_rest and is_still:
            self._status = MotionStatus(MotionState.STOPPED)
        if self._status.state is not MotionState.MOVING:
            return
        if (errors > self._tolerance + self._lag * np.abs(self._reference.velocities)).any():
            self._fail(joints, errors)
        elif self._reference.is_at_end:
            self._time_at_end += step
            if errors.max() < _SETTLE_TOLERANCE and is_still:
                self._reference.hold()
                self._status = MotionStatus(MotionState.SUCCEEDED)
            elif self._time_at_end > _SETTLE_TIME:
                self._fail(joints, errors)

    def _hold_box(self) -> None:
        """Stop what would leave the cell's box; what leads back is followed."""
        if self._guard is None or self._status.state is not MotionState.MOVING:
            return
        try:
            self._guard.check(self._reference.positions, self._reference.velocities)
        except CommandRejectedError as error:
            self._release()
            self._status = MotionStatus(MotionState.FAULT, str(error), StopReason.REFUSED)

    def _fail(self, joints: JointState, errors: np.ndarray) -> None:
        self._release()
        self._status = MotionStatus(
            MotionState.FAULT,
            f"Joint '{self._joint_names[int(errors.argmax())]}' is {errors.max():.3f} rad from its "
            "set-point: the arm is blocked.",
            StopReason.BLOCKED,
        )


class _Publisher:
    """Sends the newest report in a thread of its own: a reader that is slow never stops the servo."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._newest: UrReport | None = None
        self._condition = threading.Condition()
        self._send_lock = threading.Lock()
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def publish(self, report: UrReport) -> None:
        with self._condition:
            self._newest = report
            self._condition.notify()

    def fail(self, message: str) -> None:
        """Say at once why the process ends."""
        with self._send_lock, contextlib.suppress(OSError):
            self._pipe.send(UrFailure(message))

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the driver has gone: the main thread sees it too
            while True:
                with self._condition:
                    self._condition.wait_for(lambda: self._newest is not None)
                    report, self._newest = self._newest, None
                with self._send_lock:
                    self._pipe.send(report)


def _serve(pipe: Connection, robot: _Robot, servo: _Servo, publisher: _Publisher) -> None:
    robot.wait()  # the first cycle counts from here
    last, is_ending = time.monotonic(), False
    while not (is_ending and servo.is_at_rest):
        step = robot.wait()
        is_ending = is_ending or _take_orders(pipe, servo)
        if step > 0.0:
            now = time.monotonic()
            passed, last = now - last, now
            if step > 1.5 * robot.period:  # missed some of its cycles
                servo.note_delay(step - robot.period)
            elif passed > _LATE:  # heard of this one only when others had begun
                servo.note_delay(passed - robot.period)
        publisher.publish(servo.cycle(min(step, robot.period)))
    signal.alarm(_LONGEST_FAREWELL)  # a driver that is gone cannot end us
    robot.stop_script()


def _take_orders(pipe: Connection, servo: _Servo) -> bool:
    """Hand over what has arrived; return whether that is the end."""
    try:
        while pipe.poll():
            order = pipe.recv()
            if isinstance(order, EndOrder):
                break
            servo.take(order)
        else:
            return False
    except (EOFError, OSError):  # the driver died
        pass
    servo.brake()
    return True


def main() -> None:
    """Serve one connection until the driver ends it, dies, or the link is lost."""
    pipe = Connection(int(sys.argv[1]))
    publisher = _Publisher(pipe)
    robot = None
    try:
        setup: UrSetup = pipe.recv()
        # A constructor that hangs, in a process whose driver was killed, ends too.
        signal.alarm(math.ceil(setup.config.connect_timeout) + 1)
        take_real_time_priority()
        guard = CellGuard(setup.cell) if setup.cell else None
        robot = _Robot(setup, lambda message: pipe.send(UrProgress(message)))
        signal.alarm(0)
        _serve(pipe, robot, _Servo(setup, robot, guard), publisher)
    except (DeviceError, ImportError, RuntimeError, ValueError) as error:
        publisher.fail(str(error))
    # Without the destructors of ur_rtde: they sleep, and may wait for a controller that is gone.
    os._exit(0)


if __name__ == "__main__":
    main()
