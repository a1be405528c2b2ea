"""Both ends of the pipe between `UrArm` and the process that talks to its controller."""

import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing import Pipe

import numpy as np

from equigrasp.devices.cell import CellConfig
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import JointState, JointTrajectory, MotionState, MotionStatus
from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.ur.ur_config import UrConfig

_SILENCE = 2.0  # [s] after which a process that should report all the time counts as hung
_FAREWELL = 4.0  # [s] for a process to stop the arm and its script


@dataclass(frozen=True)
class UrSetup:
    """To the process, first of all: what to connect to."""

    config: UrConfig
    limits: JointLimits
    joint_names: tuple[str, ...]
    cell: CellConfig | None = None  # whose box is held; None: joints' limits alone


@dataclass(frozen=True, eq=False)
class FollowOrder:
    """To the process: follow a trajectory that has passed the limits."""

    number: int
    trajectory: JointTrajectory


@dataclass(frozen=True)
class StopOrder:
    """To the process: decelerate to rest."""

    number: int


@dataclass(frozen=True)
class EndOrder:
    """To the process: stop the arm and the control script, and end."""


@dataclass(frozen=True, eq=False)
class UrReport:
    """From the process, once a cycle.

    Attributes:
        joints: Measured joints; efforts are the controller's target moments, stamp is the time of
            day, as ROS counts it.
        robot_time: The controller's own time [s].
        set_point: Where the joints should be, shape (6,) [rad].
        departure: How fast the set-point moves by its trajectory's own time, shape (6,) [rad/s].
        tcp_force: Generalized force on the TCP in UR's base frame, shape (6,) [N, N·m].
        speed_fraction: Speed slider and scaling by the controller together, 0 to 1.
        fault: Why the robot cannot be moved; None where it can.
        number: The last order that was taken.
        motion: State of that order.
    """

    joints: JointState
    robot_time: float
    set_point: np.ndarray
    departure: np.ndarray
    tcp_force: np.ndarray
    speed_fraction: float
    fault: MotionStatus | None = None
    number: int = 0
    motion: MotionStatus = MotionStatus(MotionState.IDLE)


@dataclass(frozen=True)
class UrProgress:
    """From the process, before its first report: what it waits for."""

    message: str


@dataclass(frozen=True)
class UrFailure:
    """From the process, last of all: why it ends."""

    message: str


class UrLink:
    """The running process, as seen from the driver.

    ur_rtde lives in a process of its own: its constructors hold Python's global lock and wait
    without bound, and it reconnects and restarts its script of its own accord. A process can be
    ended when it hangs, and keeps the servo's rhythm whatever else this one does. When either
    process dies, the arm stops: the child on the end of the pipe, the robot by its watchdog.

    Args:
        setup: What to connect to.

    Raises:
        DeviceError: if the robot cannot be reached or refuses.
        DeviceTimeoutError: if that is not known within `connect_timeout`.
    """

    def __init__(self, setup: UrSetup) -> None:
        self._host = setup.config.host
        self._pipe, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "equigrasp.hardware.ur.ur_process", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the driver, which stops the arm
        )
        theirs.close()
        self._report: UrReport | None = None
        self._progress = "starting its process"
        self._failure = ""
        self._has_news = threading.Event()
        self._send_lock = threading.Lock()
        self.is_lost = threading.Event()
        self._reader = threading.Thread(target=self._read, name="ur_link", daemon=True)
        self.send(setup)
        self._reader.start()
        self._has_news.wait(setup.config.connect_timeout)
        if self._report is None:
            failure = self._failure
            self.close()
            if failure:
                raise DeviceError(f"Cannot drive the robot at {self._host}: {failure}")
            raise DeviceTimeoutError(
                f"The robot at {self._host} was not ready within "
                f"{setup.config.connect_timeout:.1f} s: still {self._progress}."
            )

    @property
    def report(self) -> UrReport:
        """The newest report."""
        assert self._report is not None
        return self._report

    @property
    def failure(self) -> str:
        """Why the link was lost; empty while it holds."""
        return self._failure

    def send(self, message: UrSetup | FollowOrder | StopOrder | EndOrder) -> None:
        """Give the process an order; without effect once the link is lost."""
        with self._send_lock:
            try:
                self._pipe.send(message)
            except OSError:
                self._fail("its process has ended")

    def close(self) -> None:
        """Stop the arm and end the process; may be called twice."""
        if self._report is None:
            self._process.kill()  # still connecting: nothing moves
        self.send(EndOrder())
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the robot's watchdog stops the arm
            self._process.wait()
        self._reader.join()
        self._pipe.close()

    def _read(self) -> None:
        try:
            while self._pipe.poll(_SILENCE if self._report else None):
                message = self._pipe.recv()
                if isinstance(message, UrFailure):
                    self._fail(message.message)
                    return
                if isinstance(message, UrProgress):
                    self._progress = message.message
                    continue
                self._report = message
                self._has_news.set()
            self._fail(f"its process was silent for {_SILENCE:.0f} s")
            self._process.kill()
        except (EOFError, OSError):
            self._fail("its process has ended")

    def _fail(self, message: str) -> None:
        self._failure = self._failure or message
        self.is_lost.set()
        self._has_news.set()
