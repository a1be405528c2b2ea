"""Devices without physics, for tests and dry runs: they do as they are told, or fail on demand.

They may be asked from several threads.
"""

import threading

import numpy as np

from equigrasp.devices.arm import Arm
from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.clock import Clock
from equigrasp.devices.gripper import Gripper, GripperLimits, GripperState
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.motion import (
    JointState,
    JointTrajectory,
    MotionState,
    MotionStatus,
    StopReason,
)
from equigrasp.errors import ArmStoppedError, Device, DeviceTimeoutError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel


class ManualClock:
    """Time that passes only when somebody sleeps.

    Attributes:
        jump: How much later than the steady time the devices' stamps are [s].
    """

    def __init__(self) -> None:
        self._now = self.jump = 0.0

    def now(self) -> float:
        """Return the time [s]."""
        return self._now

    def stamp(self) -> float:
        """Return the time [s], which somebody may have set: `jump` is by how much."""
        return self._now + self.jump

    def sleep(self, duration: float) -> None:
        """Let `duration` [s] pass at once."""
        self._now += duration

    def pause(self) -> None:
        """Let 4 ms pass at once; makes this object a `Clock`."""
        self.sleep(0.004)


class FakeArm(Arm):
    """Follows trajectories exactly.

    Attributes:
        is_silent: Never finishes a motion, as a controller that hangs.
        is_dead: Every motion ends as a fault, as a controller that died.
        force: What `tcp_force` reports.
        commands: The trajectories that it was told to follow.
    """

    def __init__(self, config: ArmConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.RLock()
        self._is_connected = False
        self._positions = np.array(config.home_positions)
        self._trajectory: JointTrajectory | None = None
        self._began = 0.0
        self._state = MotionState.IDLE
        self._fault = MotionStatus(MotionState.FAULT)
        self._is_tripped = False
        self.is_silent = False
        self.is_dead = False
        self.commands: list[JointTrajectory] = []
        self.force: np.ndarray | None = None

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._config.joint_names

    @property
    def limits(self) -> JointLimits:
        return self._config.limits

    @property
    def num_commands(self) -> int:
        """How many trajectories it was told to follow."""
        return len(self.commands)

    def connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        self.stop()
        self._is_connected = False

    def joint_state(self) -> JointState:
        with self._lock:
            self._update()
            still = np.zeros_like(self._positions)
            return JointState(self._clock.stamp(), self._positions.copy(), still, still)

    def start_trajectory(self, trajectory: JointTrajectory) -> None:
        with self._lock:
            self._update()
            if self._is_tripped:
                raise ArmStoppedError(self._fault.message, self._fault.reason)
            self.limits.check_trajectory(trajectory, self.joint_names, self._positions)
            self._trajectory, self._began = trajectory, self._clock.now()
            self._state = MotionState.MOVING
            self.commands.append(trajectory)
            if self.is_dead:
                self._fail(StopReason.OTHER)

    def motion_status(self) -> MotionStatus:
        with self._lock:
            self._update()
            return self._fault if self._state is MotionState.FAULT else MotionStatus(self._state)

    def stop(self) -> None:
        with self._lock:
            if self._state is MotionState.MOVING:
                self._update()
                self._state, self._trajectory = MotionState.STOPPED, None

    def fault(self) -> MotionStatus | None:
        return self._fault if self._is_tripped else None

    def tcp_force(self) -> np.ndarray | None:
        return self.force

    def block(self) -> None:
        """Fault: end the motion as if something were in the way."""
        self._fail(StopReason.BLOCKED)

    def trip(self, reason: StopReason) -> None:
        """Fault: stop as the robot's own safety functions do, until `recover()`."""
        with self._lock:
            self._update()
            self._is_tripped = True
            self._fail(reason)

    def recover(self) -> None:
        with self._lock:
            self._is_tripped, self._state = False, MotionState.IDLE

    def _fail(self, reason: StopReason) -> None:
        message = f"the fake arm was told to die: {reason.value}"
        with self._lock:
            self._state, self._trajectory = MotionState.FAULT, None
            self._fault = MotionStatus(self._state, message, reason)

    def _update(self) -> None:
        if not self._is_connected:
            raise NotConnectedError(f"Arm '{self._config.name}' is not connected.")
        if self._trajectory is None or self._state is not MotionState.MOVING:
            return
        t = self._clock.now() - self._began
        times, positions = self._trajectory.times, self._trajectory.positions
        self._positions = np.array(
            [np.interp(t, times, positions[:, i]) for i in range(positions.shape[1])]
        )
        if t >= times[-1] and not self.is_silent:
            self._state, self._trajectory = MotionState.SUCCEEDED, None


class FakeGripper(Gripper):
    """Reaches its width at the commanded speed, or stalls on an object of `object_width` [m].

    Attributes:
        is_silent: Never finishes a move.
        object_width: Width of what lies between the fingers [m]; 0: nothing.
    """

    def __init__(self, config: GripperConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.RLock()
        self._is_connected = False
        self._width = self._target = config.limits.stroke
        self._speed = config.limits.max_speed
        self._last = clock.now()
        self._state = MotionState.IDLE
        self.is_silent = False
        self.object_width = 0.0
        self.num_commands = 0

    @property
    def limits(self) -> GripperLimits:
        return self._config.limits

    @property
    def joint_names(self) -> tuple[str, ...]:
        return (self._config.joint_name,)

    def connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        self._is_connected = False

    def state(self) -> GripperState:
        with self._lock:
            self._update()
            return GripperState(self._clock.stamp(), self._width, 0.0, self._is_stalled())

    def start_move(self, width: float, speed: float, force: float) -> None:
        with self._lock:
            self._update()
            self.limits.check(width, speed, force)
            self._target, self._speed, self._state = width, speed, MotionState.MOVING
            self.num_commands += 1

    def motion_status(self) -> MotionStatus:
        with self._lock:
            self._update()
            return MotionStatus(self._state)

    def stop(self) -> None:
        with self._lock:
            if self._state is MotionState.MOVING:
                self._update()
                self._target, self._state = self._width, MotionState.STOPPED

    def _is_stalled(self) -> bool:
        return self._target < self.object_width <= self._width + 1e-9 and (
            abs(self._width - self.object_width) < 1e-9
        )

    def _update(self) -> None:
        if not self._is_connected:
            raise NotConnectedError(
                f"Gripper '{self._config.name}' is not connected.", Device.GRIPPER
            )
        now = self._clock.now()
        step = self._speed * (now - self._last)
        self._last = now
        if self._state is not MotionState.MOVING or self.is_silent:
            return
        goal = max(self._target, min(self.object_width, self._width))
        self._width += float(np.clip(goal - self._width, -step, step))
        if abs(self._width - goal) < 1e-9:
            self._state = MotionState.SUCCEEDED


class FakeCamera(Camera):
    """Shows a flat floor at a given depth.

    Attributes:
        is_silent: Gives no frame.
    """

    def __init__(self, clock: Clock, floor_depth: float = 1.3) -> None:
        self._clock = clock
        self._is_connected = False
        self._floor_depth = floor_depth
        self.is_silent = False

    @property
    def model(self) -> CameraModel:
        return CameraModel(64, 48, 60.0, 60.0, 31.5, 23.5)

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return Transform.from_rpy(
            np.array([0.45, 0.0, self._floor_depth]), np.array([np.pi, 0.0, -np.pi / 2])
        )

    def connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        self._is_connected = False

    def capture(self) -> CameraFrame:
        if not self._is_connected:
            raise NotConnectedError("The fake camera is not connected.", Device.CAMERA)
        if self.is_silent:
            raise DeviceTimeoutError("The camera gave no frame within 1 s.", Device.CAMERA)
        shape = (self.model.height_px, self.model.width_px)
        depth = np.full(shape, self._floor_depth, np.float32)
        return CameraFrame(self._clock.stamp(), depth, np.zeros((*shape, 3), np.uint8))
