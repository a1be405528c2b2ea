"""The UR5 driver over the unmodified ur_rtde, against the virtual controller."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_ur5 import NEEDS_UR_RTDE, WATCHDOG, VirtualRobot, turn, virtual_ur5

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.motion import JointTrajectory, MotionState, StopReason
from equigrasp.errors import CommandRejectedError, NotConnectedError
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.virtual.ur.ur_motion import UrMotion
from equigrasp.virtual.ur.ur_state import RuntimeState

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def robot() -> Iterator[VirtualRobot]:
    with virtual_ur5() as robot:
        yield robot


@pytest.fixture(scope="module")
def shared_arm(robot: VirtualRobot) -> Iterator[UrArm]:
    with UrArm(load_config(ArmConfig, "arms", "ur5"), robot.config) as arm:
        yield arm


@pytest.fixture
def arm(shared_arm: UrArm, robot: VirtualRobot) -> UrArm:
    robot.controller.state.speed_fraction = 1.0
    if not is_connected(shared_arm) or shared_arm.robot_report().fault:
        robot.controller.release_emergency_stop()
        shared_arm.recover()
    return shared_arm


@pytest.fixture
def cycles(robot: VirtualRobot, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the controller publishes from now on, cycle by cycle."""
    fields: list[dict[str, Any]] = []
    cycle = robot.controller.cycle

    def recorded() -> dict[str, Any]:
        fields.append(cycle())
        return fields[-1]

    monkeypatch.setattr(robot.controller, "cycle", recorded)
    return fields


def is_connected(arm: UrArm) -> bool:
    try:
        arm.joint_state()
    except NotConnectedError:
        return False
    return True


def finish(arm: UrArm, robot: VirtualRobot, timeout: float = 5.0) -> MotionState:
    robot.wait_until(lambda: not arm.motion_status().is_active, timeout)
    return arm.motion_status().state


def simulated_speed(robot: VirtualRobot) -> float:
    """Return the largest joint speed of the simulated arm [rad/s]."""
    return float(np.abs(robot.arm.joint_state().velocities).max())


def robot_time_to_rest(robot: VirtualRobot) -> float:
    """Wait until the simulated arm stays at rest; return how long that took in its own time [s]."""
    began = moved = robot.controller.state.timestamp

    def rests() -> bool:
        nonlocal moved
        if simulated_speed(robot) > 0.02:
            moved = robot.controller.state.timestamp
        return robot.controller.state.timestamp - moved >= 0.1

    robot.wait_until(rests, 5.0)
    return moved - began


def servo_processes() -> list[int]:
    """Return the process numbers of this process's children that servo a robot."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = stat.with_name("cmdline").read_text()
            if parent == os.getpid() and "ur_process" in command:
                found.append(int(stat.parent.name))
    return found


def test_settings_arrive_at_the_controller(arm: UrArm, robot: VirtualRobot) -> None:
    state = robot.controller.state
    assert state.payload_mass == pytest.approx(robot.config.payload_mass)
    assert state.payload_cog == pytest.approx(robot.config.payload_cog)
    assert state.tcp_offset == pytest.approx(robot.config.tcp)
    robot.wait_until(lambda: robot.controller.servo_gain == robot.config.servo_gain, 1.0)
    assert robot.controller.watchdog_period == pytest.approx(WATCHDOG)


def test_reported_joints_are_those_of_the_simulated_arm(
    arm: UrArm, cycles: list[dict[str, Any]]
) -> None:
    time.sleep(0.1)
    arm.start_trajectory(turn(arm, 0.3, 0.8))
    reports = {}
    while arm.motion_status().is_active:
        report = arm.robot_report()
        reports[report.robot_time] = np.concatenate(
            [report.joints.positions, report.joints.velocities]
        )
        time.sleep(0.002)
    truth = {c["timestamp"]: c["actual_q"] + c["actual_qd"] for c in cycles}
    compared = [t for t in reports if t in truth]
    assert len(compared) > 50
    assert max(np.abs(reports[t] - truth[t]).max() for t in compared) < 1e-9
    assert np.ptp([reports[t][0] for t in compared]) > 0.25


def test_the_force_on_the_tcp_is_reported_in_the_axes_of_base_link(
    arm: UrArm, robot: VirtualRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    force = np.array([1.0, -2.0, 30.0])
    monkeypatch.setattr(robot.arm, "tcp_force", lambda: force)
    robot.wait_until(lambda: arm.robot_report().tcp_force[2] == 30.0, 1.0)
    assert arm.robot_report().tcp_force[:2].tolist() == [
        -1.0,
        2.0,
    ]  # UR's base: half a turn about z
    assert arm.tcp_force().tolist() == force.tolist()


def test_a_trajectory_is_followed_closely_to_its_end(arm: UrArm, robot: VirtualRobot) -> None:
    trajectory = turn(arm, 0.5, 1.0)  # 0.75 rad/s at its fastest
    began = arm.robot_report().robot_time
    arm.start_trajectory(trajectory)
    errors = []
    while arm.motion_status().is_active:
        report = arm.robot_report()
        errors.append(np.abs(report.set_point - report.joints.positions).max())
        time.sleep(0.004)
    assert arm.motion_status().state is MotionState.SUCCEEDED
    # The look-ahead time and two cycles at 0.75 rad/s; a busy machine delays single set-points.
    lag = 0.75 * (robot.config.servo_lookahead_time + 2.0 / robot.config.servo_rate)
    assert 0.005 < np.percentile(errors, 90) < 1.16 * lag
    assert max(errors) < robot.config.tracking_tolerance
    assert 1.0 <= arm.robot_report().robot_time - began < 1.3
    assert np.abs(robot.arm.joint_state().positions - trajectory.positions[-1]).max() < 2e-3


def test_half_the_speed_on_the_slider_takes_twice_the_time(
    arm: UrArm, robot: VirtualRobot, cycles: list[dict[str, Any]]
) -> None:
    def move(change: float) -> tuple[float, float]:
        """Return how long a motion takes and how fast it gets."""
        cycles.clear()
        arm.start_trajectory(turn(arm, change, 0.7))
        assert finish(arm, robot) is MotionState.SUCCEEDED
        speeds = {c["timestamp"]: np.abs(c["actual_qd"]).max() for c in cycles}
        moving = [t for t, speed in speeds.items() if speed > 0.01]
        return moving[-1] - moving[0], max(speeds.values())

    quickest = []
    for fraction in (1.0, 0.5):
        robot.controller.state.speed_fraction = fraction
        robot.wait_until(lambda f=fraction: arm.robot_report().speed_fraction == f, 1.0)
        # A busy machine makes a motion longer, never shorter.
        quickest.append(min(move(change) for change in (-0.3, 0.3, -0.3)))
    (duration, speed), (long_duration, low_speed) = quickest
    assert long_duration / duration == pytest.approx(2.0, abs=0.2)
    assert low_speed / speed == pytest.approx(0.5, abs=0.1)


def test_a_stop_brings_the_robot_to_rest_in_its_own_time(arm: UrArm, robot: VirtualRobot) -> None:
    arm.start_trajectory(turn(arm, 0.9, 1.0))
    robot.wait_until(lambda: simulated_speed(robot) > 1.2, 2.0)
    arm.stop()
    assert robot_time_to_rest(robot) < 0.2
    assert finish(arm, robot, 1.0) is MotionState.STOPPED
    resting = robot.arm.joint_state().positions
    time.sleep(0.1)
    assert np.abs(robot.arm.joint_state().positions - resting).max() < 2e-3


def test_bad_trajectories_never_reach_the_wire(arm: UrArm, robot: VirtualRobot) -> None:
    name = "input_double_register_0"
    time.sleep(0.05)
    before = robot.controller.state.registers[name]
    good = turn(arm, 0.3, 1.0)
    too_fast = JointTrajectory(good.times / 20.0, good.positions, good.velocities * 20.0)
    too_far = JointTrajectory(
        good.times, good.positions + 7.0 * good.times[:, None], good.velocities
    )
    for bad, reason in ((too_fast, "rad/s; its limit"), (too_far, "its range is")):
        with pytest.raises(CommandRejectedError, match=reason):
            arm.start_trajectory(bad)
    time.sleep(0.05)
    assert robot.controller.state.registers[name] == pytest.approx(before, abs=1e-12)


def test_an_arm_that_does_not_follow_ends_as_a_fault(
    arm: UrArm, robot: VirtualRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as blocked:
        blocked.setattr(UrMotion, "command", lambda *_: None)
        began = arm.robot_report().robot_time
        arm.start_trajectory(turn(arm, 0.5, 1.0))
        assert finish(arm, robot) is MotionState.FAULT
        assert arm.robot_report().robot_time - began < 0.8  # long before the trajectory's end
        assert re.match("Joint 'shoulder_pan_joint' .* blocked", arm.motion_status().message)
        time.sleep(0.3)
    arm.start_trajectory(turn(arm, -0.1, 0.5))
    assert finish(arm, robot) is MotionState.SUCCEEDED


def test_a_protective_stop_is_named_and_recovered_from(arm: UrArm, robot: VirtualRobot) -> None:
    arm.start_trajectory(turn(arm, 0.9, 1.0))
    robot.wait_until(lambda: simulated_speed(robot) > 1.0, 2.0)
    robot.controller.trigger_protective_stop()
    assert finish(arm, robot, 1.0) is MotionState.FAULT
    assert "PROTECTIVE_STOP" in arm.motion_status().message
    fault = arm.fault()
    assert fault is not None and fault.reason is StopReason.PROTECTIVE_STOP
    assert robot_time_to_rest(robot) < 0.2
    with pytest.raises(CommandRejectedError, match="PROTECTIVE_STOP.*recover"):
        arm.start_trajectory(turn(arm, 0.1, 1.0))
    resting = robot.arm.joint_state().positions
    arm.recover()
    time.sleep(0.2)
    assert arm.fault() is None
    assert np.abs(robot.arm.joint_state().positions - resting).max() < 2e-3
    arm.start_trajectory(turn(arm, -0.3, 1.0))
    assert finish(arm, robot) is MotionState.SUCCEEDED


def test_an_emergency_stop_must_be_released_before_recovery(
    arm: UrArm, robot: VirtualRobot
) -> None:
    arm.start_trajectory(turn(arm, 0.9, 1.0))
    robot.wait_until(lambda: simulated_speed(robot) > 1.0, 2.0)
    robot.controller.press_emergency_stop()
    assert finish(arm, robot, 1.0) is MotionState.FAULT
    assert "ROBOT_EMERGENCY_STOP" in arm.motion_status().message
    with pytest.raises(CommandRejectedError, match="release the emergency stop"):
        arm.recover()
    robot.controller.release_emergency_stop()
    with pytest.raises(CommandRejectedError, match="POWER_OFF"):
        arm.connect()
    arm.recover()
    arm.start_trajectory(turn(arm, -0.3, 1.0))
    assert finish(arm, robot) is MotionState.SUCCEEDED


def test_a_stop_at_the_pendant_is_named_and_recovered_from(
    arm: UrArm, robot: VirtualRobot
) -> None:
    arm.start_trajectory(turn(arm, 0.4, 1.0))
    robot.controller.stop_program()
    assert finish(arm, robot, 1.0) is MotionState.FAULT
    assert "control script STOPPED" in arm.motion_status().message
    arm.recover()
    assert arm.motion_status().state is MotionState.IDLE


def test_the_driver_reconnects_after_the_link_dropped(arm: UrArm, robot: VirtualRobot) -> None:
    arm.start_trajectory(turn(arm, 0.9, 1.0))
    robot.wait_until(lambda: simulated_speed(robot) > 1.0, 2.0)
    robot.server.drop_link()
    assert robot_time_to_rest(robot) < WATCHDOG + 0.2
    assert finish(arm, robot, 3.0) is MotionState.FAULT
    assert "lost" in arm.motion_status().message
    with pytest.raises(NotConnectedError, match="lost"):
        arm.joint_state()
    robot.server.restore_link()
    robot.wait_until(lambda: is_connected(arm), 8.0)
    resting = robot.arm.joint_state().positions
    time.sleep(0.2)
    assert np.abs(robot.arm.joint_state().positions - resting).max() < 2e-3
    arm.start_trajectory(turn(arm, -0.3, 1.0))
    assert finish(arm, robot) is MotionState.SUCCEEDED


def test_late_packets_are_borne_to_a_limit(arm: UrArm, robot: VirtualRobot) -> None:
    robot.server.packet_delay = 0.05
    time.sleep(0.2)
    arm.start_trajectory(turn(arm, 0.2, 1.0))
    assert finish(arm, robot) is MotionState.SUCCEEDED
    robot.server.packet_delay = 2.0
    robot.wait_until(lambda: not is_connected(arm), 2.0)
    robot.server.packet_delay = 0.0


def test_the_robot_stops_when_the_servo_process_is_killed(arm: UrArm, robot: VirtualRobot) -> None:
    (child,) = servo_processes()
    arm.start_trajectory(turn(arm, 0.9, 1.0))
    robot.wait_until(lambda: simulated_speed(robot) > 1.0, 2.0)
    os.kill(child, signal.SIGKILL)
    assert robot_time_to_rest(robot) < WATCHDOG + 0.2
    robot.wait_until(lambda: robot.controller.state.runtime_state is RuntimeState.STOPPED, 1.0)
    assert finish(arm, robot, 1.0) is MotionState.FAULT


_DRIVER = """
import os, sys, time
from virtual_ur5 import turn
from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.hardware.ur.ur_config import UrConfig
arm = UrArm(load_config(ArmConfig, "arms", "ur5"), UrConfig(sys.argv[1], link_timeout=1.0))
arm.connect()
arm.start_trajectory(turn(arm, -0.9, 1.0))
while abs(arm.joint_state().velocities[0]) < 1.0:
    time.sleep(0.004)
os._exit(3)
"""


def test_the_robot_stops_when_the_driver_dies(shared_arm: UrArm, robot: VirtualRobot) -> None:
    shared_arm.disconnect()
    paths = os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])
    driver = subprocess.run(
        [sys.executable, "-c", _DRIVER, robot.server.host],
        env=os.environ | {"PYTHONPATH": paths},
        timeout=30,
    )
    assert driver.returncode == 3
    assert robot_time_to_rest(robot) < WATCHDOG + 0.2
    robot.wait_until(lambda: robot.controller.state.runtime_state is RuntimeState.STOPPED, 2.0)
    shared_arm.connect()


def test_disconnecting_stops_the_arm_and_leaves_nothing_behind() -> None:
    with virtual_ur5(is_e_series=True) as second:
        arm = UrArm(load_config(ArmConfig, "arms", "ur5"), second.config)
        arm.connect()
        arm.start_trajectory(turn(arm, 0.9, 1.0))
        second.wait_until(lambda: simulated_speed(second) > 1.0, 2.0)
        arm.disconnect()
        arm.disconnect()
        assert simulated_speed(second) < 0.05
        assert second.controller.state.runtime_state is RuntimeState.STOPPED
        with pytest.raises(NotConnectedError):
            arm.joint_state()
    assert len(servo_processes()) <= 1  # the shared arm's
    with socket.create_server((second.server.host, 30004)):
        pass  # the port is free again
