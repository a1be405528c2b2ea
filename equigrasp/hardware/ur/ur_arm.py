"""A UR5 that is driven over RTDE, position set-point by position set-point."""

import logging
import threading

import numpy as np

from equigrasp.devices.arm import Arm
from equigrasp.devices.cell import ArmConfig, CellConfig
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import (
    JointState,
    JointTrajectory,
    MotionState,
    MotionStatus,
    StopReason,
)
from equigrasp.errors import ArmStoppedError, DeviceError, NotConnectedError
from equigrasp.hardware.ur.ur_config import UrConfig
from equigrasp.hardware.ur.ur_dashboard import UrDashboard
from equigrasp.hardware.ur.ur_link import FollowOrder, StopOrder, UrLink, UrReport, UrSetup

_LOGGER = logging.getLogger(__name__)
_RECONNECT_INTERVAL = 1.0  # [s]
_T_BASE_LINK_BASE = np.array([-1.0, -1.0, 1.0])  # diagonal of the rotation


class UrArm(Arm):
    """A UR with six joints behind ur_rtde's control script.

    A trajectory's time runs at the robot's own pace: at half speed on the slider it takes twice as
    long. When the link drops, the motion ends as a fault, the robot's watchdog stops the arm, and
    the driver reconnects by itself; nothing moves until the next command. After a protective stop,
    an emergency stop or a stop at the pendant, `recover()` makes the robot ready again.

    Args:
        config: Joints and limits.
        robot: Address, servo, payload.
        cell: Whose box and heights the process that servos holds at every set-point; None: none.
    """

    def __init__(self, config: ArmConfig, robot: UrConfig, cell: CellConfig | None = None) -> None:
        self._config = config
        self._robot = robot
        self._cell = cell
        self._lock = threading.RLock()
        self._link: UrLink | None = None
        self._keeper: threading.Thread | None = None
        self._is_closing = threading.Event()
        self._number = 0
        self._status = MotionStatus(MotionState.IDLE)
        self._trouble: MotionStatus | None = None  # why there is no link

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._config.joint_names

    @property
    def limits(self) -> JointLimits:
        return self._config.limits

    def connect(self) -> None:
        """Reach the controller and start the control script.

        Raises:
            ImportError: if ur_rtde is missing.
            CommandRejectedError: if the robot is in local control, stopped or without power.
            DeviceError: if it cannot be reached, or something else owns its RTDE registers.
        """
        if self._keeper is not None:
            return
        self._is_closing.clear()
        self._number, self._status = 0, MotionStatus(MotionState.IDLE)
        self._link = self._open()
        self._keeper = threading.Thread(target=self._keep, name="ur_keeper", daemon=True)
        self._keeper.start()

    def disconnect(self) -> None:
        if self._keeper is None:
            return
        self._is_closing.set()
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()
        self._keeper.join()
        self._keeper = None

    def recover(self) -> None:
        """Make a stopped robot ready again; the caller has seen that the cell is clear.

        Ends the program, unlocks a protective stop, powers on, releases the brakes, reconnects.
        Nothing moves but the brakes. On an error the arm stays disconnected; try again.

        Raises:
            CommandRejectedError: if an emergency stop is pressed or a safeguard is open.
            DeviceError: if a step fails or outlasts `recover_timeout`.
        """
        link = self._link
        if link is not None:
            self._trouble = link.report.fault  # remains the reason until the arm is ready
        self.disconnect()
        with UrDashboard(self._robot.host) as dashboard:
            dashboard.recover(self._robot.recover_timeout)
        self.connect()

    def robot_report(self) -> UrReport:
        """Return the newest report of the robot: time, force, speed fraction, fault."""
        return self._require_link().report

    def tcp_force(self) -> np.ndarray:
        """See `Arm.tcp_force`; UR's base frame is ours, turned by half a turn about z."""
        return np.asarray(self._require_link().report.tcp_force[:3] * _T_BASE_LINK_BASE)

    def speed_scaling(self) -> float:
        return self._require_link().report.speed_fraction

    def joint_state(self) -> JointState:
        return self._require_link().report.joints

    def set_point(self) -> JointState:
        report = self._require_link().report
        joints = report.joints
        return JointState(joints.stamp, report.set_point, report.departure, joints.efforts)

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        link = self._require_link()
        with self._lock:
            report = link.report
            self.limits.check_trajectory(trajectory, self.joint_names, report.joints.positions)
            if report.fault:
                raise self._stopped(report.fault)
            self._number += 1
            self._status = MotionStatus(MotionState.MOVING)
            link.send(FollowOrder(self._number, trajectory))

    def motion_status(self) -> MotionStatus:
        with self._lock:
            if self._keeper is None:
                raise NotConnectedError(f"Arm '{self._config.name}' is not connected.")
            if self._link is not None and self._link.report.number == self._number:
                self._status = self._link.report.motion
            return self._status

    def fault(self) -> MotionStatus | None:
        return self._require_link().report.fault

    def stop(self) -> None:
        with self._lock:
            if self._link is None or self.motion_status().state is not MotionState.MOVING:
                return
            self._number += 1
            self._status = MotionStatus(MotionState.STOPPING)
            self._link.send(StopOrder(self._number))

    def _require_link(self) -> UrLink:
        with self._lock:
            if self._link is not None:
                return self._link
            trouble = self._trouble
        if trouble is not None and trouble.reason is not StopReason.LINK_LOST:
            raise self._stopped(trouble)
        lost = f": {trouble.message}" if trouble else ""
        raise NotConnectedError(f"Arm '{self._config.name}' is not connected{lost}.")

    def _stopped(self, fault: MotionStatus) -> ArmStoppedError:
        return ArmStoppedError(f"Arm '{self._config.name}': {fault.message}.", fault.reason)

    def _open(self) -> UrLink:
        with UrDashboard(self._robot.host) as dashboard:
            dashboard.require_ready()
        link = UrLink(UrSetup(self._robot, self.limits, self.joint_names, self._cell))
        self._trouble = None
        return link

    def _keep(self) -> None:
        """Watch over the link and open it again when it is lost."""
        while not self._is_closing.is_set():
            link = self._link
            if link is None:
                self._reopen()
                continue
            link.is_lost.wait()
            if not self._is_closing.is_set():
                self._give_up(link)

    def _give_up(self, link: UrLink) -> None:
        with self._lock:
            if self._link is not link:
                return
            message = f"link to {self._robot.host} lost: {link.failure}"
            self._trouble = MotionStatus(MotionState.FAULT, message, StopReason.LINK_LOST)
            if self.motion_status().is_active:
                self._status = self._trouble
            self._number += 1  # whatever the old link still reports is about older orders
            self._link = None
        _LOGGER.error("Arm '%s': %s", self._config.name, message)
        link.close()

    def _reopen(self) -> None:
        if self._is_closing.wait(_RECONNECT_INTERVAL):
            return
        try:
            link = self._open()
        except DeviceError as error:
            _LOGGER.warning("Arm '%s' does not reconnect: %s", self._config.name, error)
            return
        with self._lock:
            if not self._is_closing.is_set():
                self._link = link
                _LOGGER.info("Arm '%s' is connected again.", self._config.name)
                return
        link.close()
