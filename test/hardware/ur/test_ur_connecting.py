"""What the UR5 driver says when a robot cannot be driven."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from virtual_ur5 import NEEDS_UR_RTDE, VirtualRobot, own_address, virtual_ur5

from equigrasp.devices.cell import ArmConfig
from equigrasp.errors import CommandRejectedError, DeviceError, DeviceTimeoutError
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.hardware.ur.ur_config import UrConfig
from equigrasp.virtual.ur import ur_wire

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def robot() -> Iterator[VirtualRobot]:
    with virtual_ur5(is_e_series=True) as robot:
        yield robot


Refusal = Callable[[ArmConfig, UrConfig, type[Exception], float], str]


@pytest.fixture
def refusal(wall_clock: Any) -> Refusal:
    """Return the message with which connecting fails, within a bound [s] where bounds count."""

    def connect(
        arm_config: ArmConfig, config: UrConfig, kind: type[Exception], bound: float
    ) -> str:
        arm = UrArm(arm_config, config)
        with wall_clock.within(bound), pytest.raises(kind) as caught:
            arm.connect()
        return str(caught.value)

    return connect


def test_an_e_series_robot_is_driven_at_500_hertz(
    arm_config: ArmConfig, robot: VirtualRobot
) -> None:
    with UrArm(arm_config, replace(robot.config, servo_rate=500.0)) as arm:
        times = {began := arm.robot_report().robot_time}
        while max(times) < began + 0.5:
            times.add(arm.robot_report().robot_time)
            time.sleep(0.0005)
        stamps = sorted(times)
        assert min(b - a for a, b in zip(stamps, stamps[1:], strict=False)) == pytest.approx(0.002)


def test_a_host_where_nothing_answers_is_named(arm_config: ArmConfig, refusal: Refusal) -> None:
    host = own_address(7)
    message = refusal(arm_config, UrConfig(host), DeviceError, 4.0)
    assert host in message and "Check power, cable and address" in message


def test_a_host_that_stays_silent_is_given_up(arm_config: ArmConfig, refusal: Refusal) -> None:
    with socket.create_server((own_address(8), 29999)):
        message = refusal(arm_config, UrConfig(own_address(8)), DeviceError, 6.0)
    assert own_address(8) in message


def test_local_control_is_named(
    arm_config: ArmConfig, robot: VirtualRobot, refusal: Refusal
) -> None:
    robot.controller.is_remote = False
    try:
        message = refusal(arm_config, robot.config, CommandRejectedError, 2.0)
    finally:
        robot.controller.is_remote = True
    assert "local control" in message and "Remote Control" in message


def test_a_stopped_robot_is_named(
    arm_config: ArmConfig, robot: VirtualRobot, refusal: Refusal
) -> None:
    robot.controller.trigger_protective_stop()
    message = refusal(arm_config, robot.config, CommandRejectedError, 2.0)
    assert "PROTECTIVE_STOP" in message and "recover()" in message
    arm = UrArm(arm_config, robot.config)
    arm.recover()
    arm.disconnect()


def test_a_refused_script_is_named(
    arm_config: ArmConfig, robot: VirtualRobot, refusal: Refusal
) -> None:
    robot.controller.refuses_scripts = True
    try:
        config = replace(robot.config, connect_timeout=10.0)  # its process takes a while to start
        message = refusal(arm_config, config, DeviceError, 13.0)
    finally:
        robot.controller.refuses_scripts = False
    # By ur_rtde itself after 5 s or, where its process took longer to start, by the driver.
    assert re.search("Failed to start control script|still starting the control script", message)


def test_a_second_owner_of_the_registers_is_named(
    arm_config: ArmConfig, robot: VirtualRobot, refusal: Refusal
) -> None:
    with socket.create_connection((robot.server.host, 30004)) as other:
        other.sendall(ur_wire.frame(ur_wire.SETUP_INPUTS, b"input_int_register_0"))
        other.recv(100)
        message = refusal(arm_config, robot.config, DeviceError, 8.0)
    assert "already in use" in message


def test_a_controller_without_data_is_given_up(
    arm_config: ArmConfig, robot: VirtualRobot, refusal: Refusal
) -> None:
    robot.server.packet_delay = 1000.0  # ur_rtde's constructor waits for ever
    try:
        for timeout in (2.0, 3.0, 5.0, 7.0):
            config = replace(robot.config, connect_timeout=timeout)
            message = refusal(arm_config, config, DeviceTimeoutError, timeout + 3.0)
            if "still starting its process" not in message:  # as on a busy machine
                break
    finally:
        robot.server.packet_delay = 0.0
    assert f"was not ready within {timeout} s: still waiting for the robot's state" in message
