"""A PyBullet 2F-85: two coupled four-bar fingers, force-limited."""

from collections import deque

import numpy as np

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.gripper import Gripper, GripperLimits, GripperState
from equigrasp.devices.motion import MotionState, MotionStatus
from equigrasp.errors import ConfigError, NotConnectedError
from equigrasp.geometry import four_bar
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.physics import TIME_STEP

_PAD_FRICTION = 0.8  # rubber on plastic, as the paper's simulator has it
_DRIVE_INERTIA = 1e-3  # [kg·m²] of the geared motor, as each joint of the linkage feels it
_ARRIVED = 0.0015  # [m]
_STALL_TIME = 0.15  # [s] fingers that move less than _STALL_TRAVEL in this time stand still
_STALL_TRAVEL = 0.001  # [m]
_DRIVER = "left_knuckle_joint"  # what the driven joint's name ends in


class BulletGripper(Gripper):
    """The driver's reference moves at the commanded speed; its torque limits the grip force."""

    def __init__(self, config: GripperConfig, robot: BulletRobot) -> None:
        self._config = config
        self._robot = robot
        self._physics = robot.physics
        if not config.joint_name.endswith(_DRIVER):
            raise ConfigError(
                f"Gripper '{config.name}' cannot be simulated: its joint '{config.joint_name}' is none of "
                f"a four-bar gripper, whose name ends in {_DRIVER}."
            )
        self._prefix = config.joint_name.removesuffix(_DRIVER)
        names = ("left_knuckle", "right_knuckle", "left_finger_tip", "right_finger_tip")
        self._driver, self._right, self._left_tip, self._right_tip = (
            robot.joints[f"{self._prefix}{name}_joint"] for name in names
        )
        self._is_connected = False
        self._reference = 0.0  # [rad] driver
        self._target = 0.0
        self._speed = config.limits.max_speed
        self._force = config.limits.max_force
        self._recent: deque[float] = deque(maxlen=round(_STALL_TIME / TIME_STEP))  # widths [m]
        self._status = MotionStatus(MotionState.IDLE)
        self._couple()
        self._physics.add_step_hook(self._before_step)

    @property
    def fingertips(self) -> tuple[int, ...]:
        """The links of both fingertips, as PyBullet counts them."""
        links = self._robot.links
        return tuple(links[f"{self._prefix}{side}_finger_tip_link"] for side in ("left", "right"))

    @property
    def limits(self) -> GripperLimits:
        return self._config.limits

    @property
    def joint_names(self) -> tuple[str, ...]:
        return (self._config.joint_name,)

    def connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        if self._is_connected:
            self.stop()
        self._is_connected = False

    def state(self) -> GripperState:
        self._require_connection()
        with self._physics.lock:
            angle, velocity = self._measure()
            stamp = self._physics.now()
        speed = velocity / max(1e-9, four_bar.driver_speed_of(1.0, angle))
        width = float(np.clip(four_bar.width_of(angle), 0.0, self.limits.stroke))
        return GripperState(stamp, width, -speed, self._is_stalled(angle))

    def start_move(self, width: float, speed: float, force: float) -> None:
        self._require_connection()
        self.limits.check(width, speed, force)
        with self._physics.lock:
            self._target = four_bar.driver_of(width)
            self._reference = self._measure()[0]
            self._speed, self._force = speed, force
            self._recent.clear()
            self._status = MotionStatus(MotionState.MOVING)

    def motion_status(self) -> MotionStatus:
        self._require_connection()
        return self._status

    def stop(self) -> None:
        with self._physics.lock:
            if self._status.state is MotionState.MOVING:
                is_closing = self._target > self._reference
                if not (is_closing and self._has_stalled()):  # a grip that has begun is kept
                    self._target = self._reference = self._measure()[0]
                self._status = MotionStatus(MotionState.STOPPED)

    def teleport(self, width: float) -> None:
        """Put the fingers somewhere at once (simulation set-up only)."""
        with self._physics.lock:
            angle = four_bar.driver_of(width)
            for joint in (self._driver, self._right, self._left_tip, self._right_tip):
                self._physics.client.resetJointState(self._robot.body, joint, angle)
            self._reference = self._target = angle
            self._speed, self._force = self.limits.max_speed, self.limits.max_force
            self._recent.clear()
            self._status = MotionStatus(MotionState.IDLE)

    def _require_connection(self) -> None:
        if not self._is_connected:
            raise NotConnectedError(f"Gripper '{self._config.name}' is not connected.")

    def _measure(self) -> tuple[float, float]:
        state = self._physics.client.getJointState(self._robot.body, self._driver)
        return float(state[0]), float(state[1])

    def _is_stalled(self, angle: float) -> bool:
        gap = abs(four_bar.width_of(angle) - four_bar.width_of(self._target))
        return self._has_stalled() and gap > _ARRIVED

    def _has_stalled(self) -> bool:
        is_full = len(self._recent) == self._recent.maxlen
        return is_full and max(self._recent) - min(self._recent) < _STALL_TRAVEL

    def _couple(self) -> None:
        """Tie the right knuckle to the left and each tip to its knuckle: the real linkage."""
        client, body = self._physics.client, self._robot.body
        pairs = (
            (self._driver, self._right),
            (self._driver, self._left_tip),
            (self._right, self._right_tip),
        )
        for leader, follower in pairs:
            gear = client.createConstraint(
                body, leader, body, follower,
                client.JOINT_GEAR, [0, 1, 0], [0, 0, 0], [0, 0, 0],
            )  # fmt: skip
            # Bullet holds v_leader + ratio * v_follower = 0; all four angles grow while closing.
            client.changeConstraint(gear, gearRatio=-1.0, maxForce=1000, erp=0.9)
        for side in ("left", "right"):
            knuckle, tip = (
                self._robot.links[f"{self._prefix}{side}_{part}_link"]
                for part in ("knuckle", "finger_tip")
            )
            # Without the drive's inertia the solver lets a pressed finger bend by up to 0.6 rad.
            for link in (knuckle, tip):
                client.changeDynamics(body, link, localInertiaDiagonal=[_DRIVE_INERTIA] * 3)
            client.changeDynamics(
                body, tip, lateralFriction=_PAD_FRICTION, spinningFriction=0.1, rollingFriction=0.0
            )

    def _before_step(self, now: float) -> None:
        angle, _ = self._measure()
        step = four_bar.driver_speed_of(self._speed, angle) * TIME_STEP
        self._reference += min(max(self._target - self._reference, -step), step)
        # The reference may not run far ahead of blocked fingers.
        self._reference = min(max(self._reference, angle - 0.1), angle + 0.1)
        self._command(angle)
        if self._status.state is not MotionState.MOVING:
            return
        width = four_bar.width_of(angle)
        self._recent.append(width)
        if abs(width - four_bar.width_of(self._target)) < _ARRIVED or self._has_stalled():
            self._status = MotionStatus(MotionState.SUCCEEDED)

    def _command(self, angle: float) -> None:
        client, body = self._physics.client, self._robot.body
        torque = four_bar.torque_of(self._force, angle)
        for joint in (self._driver, self._right):
            client.setJointMotorControl2(
                body, joint, client.POSITION_CONTROL, self._reference, 0.0,
                force=torque, positionGain=0.5, velocityGain=1.0,
            )  # fmt: skip
