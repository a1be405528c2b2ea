"""A PyBullet arm that follows joint trajectories under the limits of the real one."""

import contextlib

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from equigrasp.devices.arm import Arm
from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.joined_trajectory import join_trajectory
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import (
    JointState,
    JointTrajectory,
    MotionState,
    MotionStatus,
    StopReason,
)
from equigrasp.errors import ArmStoppedError, NotConnectedError
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.physics import TIME_STEP

_TRACKING_TOLERANCE = 0.12  # [rad] beyond this the arm is blocked: it stops with a fault
_SETTLE_TOLERANCE = 0.01  # [rad] distance to the goal at which a motion has arrived
_SETTLE_SPEED = 0.02  # [rad/s]
_FORCE_SMOOTHING = 0.4  # per step: a force sensor's filter of about 10 ms
_SETTLE_TIME = 0.5  # [s] allowed for arriving after the last point


class BulletArm(Arm):
    """Joint position motors with velocity feed-forward and the data sheet's torques.

    Args:
        config: Joints and limits.
        robot: The body.
        has_force_sensor: Whether it measures the force on the TCP, as a UR does; others tell by
            their joint torques.
    """

    def __init__(
        self,
        config: ArmConfig,
        robot: BulletRobot,
        *,
        has_force_sensor: bool = False,
    ) -> None:
        self._config = config
        self._robot = robot
        self._physics = robot.physics
        self._indices = [robot.joints[name] for name in config.joint_names]
        self._is_connected = False
        self._spline: CubicHermiteSpline | None = None
        self._start_time = 0.0
        self._reference = np.array(config.home_positions)
        self._reference_velocity = np.zeros(len(self._indices))
        self._status = MotionStatus(MotionState.IDLE)
        self._safety_stop: MotionStatus | None = None
        self._force = np.zeros(3) if has_force_sensor else None
        self._tool_links = robot.links_beyond(config.flange_frame) if has_force_sensor else []
        self._physics.add_step_hook(self._before_step)

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._config.joint_names

    @property
    def limits(self) -> JointLimits:
        return self._config.limits

    def connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        if self._is_connected:
            self.stop()
        self._is_connected = False

    def teleport(self, positions: np.ndarray) -> None:
        """Put the arm somewhere at once, at rest (simulation set-up only)."""
        with self._physics.lock:
            for index, position in zip(self._indices, positions, strict=True):
                self._physics.client.resetJointState(self._robot.body, index, float(position))
            self._reference = np.array(positions, dtype=float)
            self._reference_velocity = np.zeros_like(self._reference)
            self._spline = None
            self._status = MotionStatus(MotionState.IDLE)

    def joint_state(self) -> JointState:
        self._require_connection()
        with self._physics.lock:
            states = self._physics.client.getJointStates(self._robot.body, self._indices)
            stamp = self._physics.now()
        return JointState(
            stamp,
            np.array([s[0] for s in states]),
            np.array([s[1] for s in states]),
            np.array([s[3] for s in states]),
        )

    def set_point(self) -> JointState:
        measured = self.joint_state()
        with self._physics.lock:
            positions, velocities = self._reference.copy(), self._reference_velocity.copy()
        return JointState(measured.stamp, positions, velocities, measured.efforts)

    def moment(self) -> contextlib.AbstractContextManager[object]:
        return self._physics.lock

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        with self._physics.lock:
            self._check(trajectory)
            joined = join_trajectory(
                trajectory, self.limits, self._reference, self._reference_velocity
            ).trajectory
            self.limits.check_positions(joined.positions, self.joint_names, self._reference)
            self._begin(joined)

    def steer(self, trajectory: JointTrajectory) -> None:
        with self._physics.lock:
            self._check(trajectory)
            self._begin(trajectory)

    def _check(self, trajectory: JointTrajectory) -> None:
        self._require_connection()
        if self._safety_stop is not None:
            raise ArmStoppedError(self._safety_stop.message, self._safety_stop.reason)
        self.limits.check_trajectory(trajectory, self.joint_names, self.joint_state().positions)

    def _begin(self, trajectory: JointTrajectory) -> None:
        self._spline = CubicHermiteSpline(
            trajectory.times, trajectory.positions, trajectory.velocities
        )
        self._start_time = self._physics.now()
        self._status = MotionStatus(MotionState.MOVING)

    def motion_status(self) -> MotionStatus:
        self._require_connection()
        return self._status

    def fault(self) -> MotionStatus | None:
        return self._safety_stop

    def stop(self) -> None:
        with self._physics.lock:
            if self._status.state is MotionState.MOVING:
                self._spline = None
                self._status = MotionStatus(MotionState.STOPPING)

    def tcp_force(self) -> np.ndarray | None:
        self._require_connection()
        return None if self._force is None else self._force.copy()

    def trip(self, reason: StopReason) -> None:
        """Stop as a real robot's safety functions do; no command is taken until `recover()`."""
        with self._physics.lock:
            self._spline = None
            message = f"Arm '{self._config.name}' is in {reason.value}: recover()"
            self._status = self._safety_stop = MotionStatus(MotionState.FAULT, message, reason)

    def recover(self) -> None:
        with self._physics.lock:
            self._safety_stop = None
            self._status = MotionStatus(MotionState.IDLE)

    def _require_connection(self) -> None:
        if not self._is_connected:
            raise NotConnectedError(f"Arm '{self._config.name}' is not connected.")

    def _before_step(self, now: float) -> None:
        states = self._physics.client.getJointStates(self._robot.body, self._indices)
        measured = np.array([s[0] for s in states])
        if self._spline is not None:
            self._follow(now, measured, np.array([s[1] for s in states]))
        elif np.any(self._reference_velocity):
            self._decelerate()
        elif self._status.state is MotionState.STOPPING:
            speeds = np.abs([s[1] for s in states])
            if speeds.max() < _SETTLE_SPEED:
                self._status = MotionStatus(MotionState.STOPPED)
        self._command()
        if self._force is not None:
            self._force = self._force + _FORCE_SMOOTHING * (self._contact_force() - self._force)

    def _contact_force(self) -> np.ndarray:
        """Return what touches the tool exerts on it in the world, shape (3,) [N]."""
        total, client = np.zeros(3), self._physics.client
        for link in self._tool_links:
            for c in client.getContactPoints(bodyA=self._robot.body, linkIndexA=link):
                if c[2] != self._robot.body:  # normal on this body, then two friction directions
                    total += (
                        c[9] * np.array(c[7]) + c[10] * np.array(c[11]) + c[12] * np.array(c[13])
                    )
        return total

    def _follow(self, now: float, measured: np.ndarray, velocities: np.ndarray) -> None:
        assert self._spline is not None
        end = float(self._spline.x[-1])
        # In whole steps: by the rounding of absolute times the same motion would differ in its last bits.
        elapsed = round((now - self._start_time) / TIME_STEP) * TIME_STEP
        t = min(elapsed, end)
        error = np.abs(self._reference - measured)
        if error.max() > _TRACKING_TOLERANCE:
            self._fail(measured, error)
            return
        self._reference = self._spline(t)
        self._reference_velocity = self._spline(t, 1) if t < end else np.zeros_like(measured)
        if t < end:
            return
        if error.max() < _SETTLE_TOLERANCE and np.abs(velocities).max() < _SETTLE_SPEED:
            self._spline = None
            self._status = MotionStatus(MotionState.SUCCEEDED)
        elif elapsed > end + _SETTLE_TIME:
            self._fail(measured, error)

    def _fail(self, measured: np.ndarray, error: np.ndarray) -> None:
        joint = self.joint_names[int(error.argmax())]
        self._spline = None
        self._reference = measured.copy()  # lets go of what blocks the arm
        self._reference_velocity = np.zeros_like(measured)
        self._status = MotionStatus(
            MotionState.FAULT,
            f"Joint '{joint}' is {error.max():.3f} rad from its reference: the arm is blocked.",
            StopReason.BLOCKED,
        )

    def _decelerate(self) -> None:
        change = np.asarray(self.limits.stop_accelerations) * TIME_STEP
        velocity = self._reference_velocity
        slower = np.sign(velocity) * np.maximum(np.abs(velocity) - change, 0.0)
        self._reference = self._reference + 0.5 * (velocity + slower) * TIME_STEP
        self._reference_velocity = slower

    def _command(self) -> None:
        client = self._physics.client
        client.setJointMotorControlArray(
            self._robot.body,
            self._indices,
            client.POSITION_CONTROL,
            targetPositions=self._reference.tolist(),
            targetVelocities=self._reference_velocity.tolist(),
            forces=list(self.limits.efforts),
            positionGains=[0.3] * len(self._indices),
            velocityGains=[1.0] * len(self._indices),
        )
