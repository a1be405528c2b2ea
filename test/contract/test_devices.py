"""One suite over every implementation of the device contracts."""

import importlib.util
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from virtual_ur5 import NEEDS_UR_RTDE, RobotClock, virtual_ur5

from equigrasp.config import load_config
from equigrasp.devices.arm import Arm
from equigrasp.devices.camera import Camera
from equigrasp.devices.cell import ArmConfig, CameraConfig, GripperConfig
from equigrasp.devices.clock import Clock
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper, ManualClock
from equigrasp.devices.gripper import Gripper
from equigrasp.devices.motion import JointTrajectory, MotionState
from equigrasp.errors import CommandRejectedError, NotConnectedError
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.robotiq import gripper as gripper_module
from equigrasp.hardware.robotiq import protocol
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.make import make_link
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.virtual.realsense.frame_server import FrameServer
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.modbus_slave import VirtualModbusSlave
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer


@dataclass
class Devices:
    arm: Arm
    gripper: Gripper
    camera: Camera
    clock: Clock


def _fake() -> Iterator[Devices]:
    clock = ManualClock()
    arm = FakeArm(load_config(ArmConfig, "arms", "ur5"), clock)
    gripper = FakeGripper(load_config(GripperConfig, "grippers", "robotiq_2f_85"), clock)
    yield Devices(arm, gripper, FakeCamera(clock), clock)


def _simulated(cell: str) -> Iterator[Devices]:
    simulation = make_simulated_cell(cell)
    c = simulation.cell
    yield Devices(c.arm, c.gripper, c.camera, c.clock)
    simulation.physics.close()


def _rtde() -> Iterator[Devices]:
    """The UR5 driver on a virtual controller; gripper and camera are fakes."""
    pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
    with virtual_ur5() as robot:
        clock = RobotClock(robot)
        gripper = FakeGripper(load_config(GripperConfig, "grippers", "robotiq_2f_85"), clock)
        arm = UrArm(load_config(ArmConfig, "arms", "ur5"), robot.config)
        yield Devices(arm, gripper, FakeCamera(clock), clock)
        arm.disconnect()


def _robotiq(transport: str) -> Iterator[Devices]:
    """Drive a virtual gripper over its real protocol; time passes for driver and fingers alike."""
    if transport == "modbus":
        pytest.importorskip("minimalmodbus")
    clock = ManualClock()
    steady = SimpleNamespace(monotonic=clock.now, sleep=clock.sleep)
    description = load_config(GripperConfig, "grippers", "robotiq_2f_85")
    fingers = FakeGripper(description, clock)
    fingers.connect()
    kind = VirtualUrcapServer if transport == "urcap" else VirtualModbusSlave
    with (
        mock.patch.object(gripper_module, "time", steady),
        mock.patch.object(protocol, "time", steady),
        kind(VirtualRobotiq(fingers)) as server,
    ):
        config = server.driver_config()
        gripper = RobotiqGripper(description, config, make_link(config), clock)
        arm = FakeArm(load_config(ArmConfig, "arms", "ur5"), clock)
        yield Devices(arm, gripper, FakeCamera(clock), clock)
        gripper.disconnect()


class _UnixClock:
    """The clock that a real camera's frames are stamped with."""

    now, sleep = staticmethod(time.time), staticmethod(time.sleep)
    stamp = now

    def pause(self) -> None:
        time.sleep(0.004)


def _realsense() -> Iterator[Devices]:
    """The RealSense driver over librealsense's software device, which looks at a fake's table."""
    if importlib.util.find_spec("pyrealsense2") is None:
        pytest.skip("pyrealsense2 is not installed: pip install -r requirements/hardware.txt")
    clock = _UnixClock()
    seen = FakeCamera(clock)
    with FrameServer(seen, rate=30.0) as server:
        model, pose = seen.model, seen.T_base_camera
        fov = math.degrees(2.0 * math.atan(model.height_px / 2.0 / model.fy_px))
        size = (model.width_px, model.height_px)
        description = CameraConfig(
            "overhead", *size, fov, 0.5, 1.6, tuple(pose.position), (math.pi, 0.0, -math.pi / 2)
        )
        camera = RealSenseCamera(description, RealSenseConfig(source=server.source))
        arm = FakeArm(load_config(ArmConfig, "arms", "ur5"), clock)
        gripper = FakeGripper(load_config(GripperConfig, "grippers", "robotiq_2f_85"), clock)
        yield Devices(arm, gripper, camera, clock)
        camera.disconnect()


@pytest.fixture(
    params=["fake", "ur5", "kuka", pytest.param("ur5_rtde", marks=pytest.mark.real_time)]
)
def unconnected(request: pytest.FixtureRequest) -> Iterator[Devices]:
    if request.param == "fake":
        yield from _fake()
    elif request.param == "ur5_rtde":
        yield from _rtde()
    else:
        yield from _simulated(request.param)


@pytest.fixture
def devices(unconnected: Devices) -> Devices:
    return _connect(unconnected)


@pytest.fixture(params=["fake", "ur5", "kuka", "robotiq urcap", "robotiq modbus"])
def with_gripper(request: pytest.FixtureRequest) -> Iterator[Devices]:
    """Devices of which only the gripper is looked at; connected."""
    name, _, transport = request.param.partition(" ")
    source = _robotiq(transport) if transport else _fake() if name == "fake" else _simulated(name)
    for unconnected in source:
        assert unconnected.gripper.limits.stroke == pytest.approx(0.085)
        with pytest.raises(NotConnectedError):
            unconnected.gripper.state()
        yield _connect(unconnected)


def _connect(devices: Devices) -> Devices:
    devices.arm.connect()
    devices.gripper.connect()
    devices.camera.connect()
    return devices


def _line(arm: Arm, change: float, duration: float) -> JointTrajectory:
    start = arm.joint_state().positions
    goal = start.copy()
    goal[0] += change
    times = np.linspace(0.0, duration, 20)
    s = times / duration
    shape = s * s * (3 - 2 * s)
    slope = 6 * s * (1 - s) / duration
    positions = start + shape[:, None] * (goal - start)
    return JointTrajectory(times, positions, slope[:, None] * (goal - start))


def _wait(devices: Devices, timeout: float) -> float:
    began = devices.clock.now()
    while devices.arm.motion_status().is_active and devices.clock.now() - began < timeout:
        devices.clock.sleep(0.005)
    return devices.clock.now() - began


def test_descriptions_are_known_before_connecting(unconnected: Devices) -> None:
    assert len(unconnected.arm.joint_names) == len(unconnected.arm.limits.lower)
    assert unconnected.gripper.limits.stroke == pytest.approx(0.085)
    assert unconnected.camera.model.width_px > 0
    for use in (
        unconnected.arm.joint_state,
        unconnected.gripper.state,
        unconnected.camera.capture,
    ):
        with pytest.raises(NotConnectedError):
            use()


def test_the_arm_reaches_the_end_of_a_trajectory(devices: Devices) -> None:
    trajectory = _line(devices.arm, 0.3, 1.0)
    devices.arm.start_trajectory(trajectory)
    assert devices.arm.motion_status().state is MotionState.MOVING
    _wait(devices, 3.0)
    assert devices.arm.motion_status().state is MotionState.SUCCEEDED
    error = devices.arm.joint_state().positions - trajectory.positions[-1]
    assert np.abs(error).max() < 0.01


def test_a_stop_brings_the_arm_to_rest_within_a_fifth_of_a_second(devices: Devices) -> None:
    devices.arm.start_trajectory(_line(devices.arm, 0.9, 1.0))
    devices.clock.sleep(0.5)
    devices.arm.stop()
    assert _wait(devices, 1.0) < 0.2
    assert devices.arm.motion_status().state is MotionState.STOPPED
    assert np.abs(devices.arm.joint_state().velocities).max() < 0.02
    ended = devices.clock.now()
    while devices.clock.now() - ended < 0.15:  # and it does not swing back
        devices.clock.sleep(0.005)
        assert np.abs(devices.arm.joint_state().velocities).max() < 0.03


def test_a_stop_without_a_motion_is_harmless(devices: Devices) -> None:
    devices.arm.stop()
    assert not devices.arm.motion_status().is_active


@pytest.mark.parametrize("fault", ["speed", "range", "nan", "start", "order", "shape"])
def test_bad_trajectories_are_refused_and_move_nothing(devices: Devices, fault: str) -> None:
    good = _line(devices.arm, 0.3, 1.0)
    times, positions, velocities = (
        good.times.copy(), good.positions.copy(), good.velocities.copy()
    )  # fmt: skip
    if fault == "speed":
        times = times / 20.0
    elif fault == "range":
        positions[:, 0] += 20.0 * np.linspace(0, 1, 20)
    elif fault == "nan":
        positions[5, 1] = np.nan
    elif fault == "start":
        positions[:, 2] += 0.5
    elif fault == "order":
        times[4] = times[3]
    else:
        positions = positions[:, :3]
    before = devices.arm.joint_state().positions
    with pytest.raises(CommandRejectedError):
        devices.arm.start_trajectory(JointTrajectory(times, positions, velocities))
    devices.clock.sleep(0.1)
    assert np.abs(devices.arm.joint_state().positions - before).max() < 1e-3


def test_a_new_trajectory_replaces_the_running_one(devices: Devices) -> None:
    devices.arm.start_trajectory(_line(devices.arm, 0.4, 1.5))
    devices.clock.sleep(0.2)
    back = _line(devices.arm, -0.1, 1.0)
    devices.arm.start_trajectory(back)
    _wait(devices, 3.0)
    assert np.abs(devices.arm.joint_state().positions - back.positions[-1]).max() < 0.01


def test_the_gripper_goes_where_it_is_told(with_gripper: Devices) -> None:
    for width in (0.03, 0.085, 0.0):
        with_gripper.gripper.start_move(width, 0.15, 40.0)
        _wait_for_fingers(with_gripper)
        assert with_gripper.gripper.motion_status().state is MotionState.SUCCEEDED
        assert with_gripper.gripper.state().width == pytest.approx(width, abs=0.003)


@pytest.mark.parametrize(
    ("width", "speed", "force"),
    [
        (0.1, 0.1, 40.0),
        (-0.01, 0.1, 40.0),
        (0.05, 0.5, 40.0),
        (0.05, 0.1, 900.0),
        (np.nan, 0.1, 40),
    ],
)
def test_the_gripper_refuses_what_it_cannot_do(
    with_gripper: Devices, width: float, speed: float, force: float
) -> None:
    with pytest.raises(CommandRejectedError):
        with_gripper.gripper.start_move(width, speed, force)
    assert not with_gripper.gripper.motion_status().is_active


def test_a_stop_holds_the_fingers_mid_stroke(with_gripper: Devices) -> None:
    gripper, clock = with_gripper.gripper, with_gripper.clock
    gripper.start_move(0.085, 0.15, 40.0)
    _wait_for_fingers(with_gripper)
    gripper.start_move(0.0, 0.02, 40.0)
    clock.sleep(0.1)
    gripper.stop()
    assert gripper.motion_status().state is MotionState.STOPPED
    held = gripper.state().width
    assert 0.01 < held < 0.085
    clock.sleep(0.1)
    assert gripper.state().width == pytest.approx(held, abs=0.002)


def test_a_gripper_may_be_stopped_and_let_go_twice(with_gripper: Devices) -> None:
    for _ in range(2):
        with_gripper.gripper.stop()
    for _ in range(2):
        with_gripper.gripper.disconnect()
    with_gripper.gripper.stop()
    with pytest.raises(NotConnectedError):
        with_gripper.gripper.motion_status()


def _wait_for_fingers(devices: Devices) -> None:
    began = devices.clock.now()
    while devices.gripper.motion_status().is_active and devices.clock.now() - began < 2.0:
        devices.clock.sleep(0.005)


@pytest.fixture(params=["fake", "ur5", "kuka", "realsense"])
def with_camera(request: pytest.FixtureRequest) -> Iterator[Devices]:
    """Devices of which only the camera is looked at; not connected."""
    if request.param == "realsense":
        yield from _realsense()
    else:
        yield from _fake() if request.param == "fake" else _simulated(request.param)


def test_frames_are_fresh_and_of_the_announced_size(with_camera: Devices) -> None:
    camera, clock = with_camera.camera, with_camera.clock
    announced = (camera.model.height_px, camera.model.width_px)
    with camera:
        clock.sleep(0.1)
        for _ in range(2):
            asked = clock.now()
            frame = camera.capture()
            assert asked <= frame.stamp <= clock.now()
            assert (
                frame.depth.shape == announced == (camera.model.height_px, camera.model.width_px)
            )
            assert frame.depth.dtype == np.float32 and frame.color.dtype == np.uint8
            assert frame.color.shape == (*announced, 3)
            clock.sleep(0.05)


def test_the_table_is_where_pose_and_intrinsics_say(with_camera: Devices) -> None:
    with with_camera.camera as camera:
        points = camera.T_base_camera.apply(camera.model.deproject(camera.capture().depth))
    assert np.median(points[:, 2]) == pytest.approx(0.0, abs=0.02)
    assert np.median(points[:, 1]) == pytest.approx(0.0, abs=0.02)


def test_a_camera_must_be_connected_and_may_be_let_go_twice(with_camera: Devices) -> None:
    camera = with_camera.camera
    for _ in range(2):
        with pytest.raises(NotConnectedError):
            camera.capture()
        camera.connect()
        camera.capture()
        camera.disconnect()
        camera.disconnect()
