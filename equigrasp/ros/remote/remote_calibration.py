"""Devices over ROS for `equigrasp calibrate`."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.parameter import Parameter

from equigrasp.calibration.setup import CalibrationSetup
from equigrasp.config import load_config
from equigrasp.devices.cell import OVERHEAD, CameraConfig, CellConfig, RobotCell
from equigrasp.errors import DeviceTimeoutError
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.ros import names
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.remote.remote_arm import RemoteArm
from equigrasp.ros.remote.remote_camera import RemoteCamera
from equigrasp.ros.remote.remote_gripper import RemoteGripper
from equigrasp.ros.runtime.client_node import client_node
from equigrasp.ros.runtime.ros_clock import RosClock

_SPEED_SCALE = 0.1  # of the joint speed limits: a person stands beside the arm
_FIRST_STATE_TIMEOUT = 10.0  # [s] wall clock


@contextlib.contextmanager
def remote_setup(
    cell_name: str, what: str, path: Path, serial: str, *, use_sim_time: bool = False
) -> Iterator[CalibrationSetup]:
    """Yield arm and camera behind their driver nodes, connected.

    Args:
        cell_name: Name of a cell, or path to its YAML file.
        what: `hand-eye` needs pictures, `table` and `workspace` need depth.
        path: The calibration file.
        serial: Serial number of the camera, where it is known.
        use_sim_time: Whether the drivers run on simulated time.

    Raises:
        DeviceTimeoutError: if arm or camera are not heard.
    """
    configured = load_config(CellConfig, "cells", cell_name)
    arm_config = configured.load_arm()
    gripper_config = configured.load_gripper()
    camera_config = load_config(CameraConfig, "cameras", configured.cameras[OVERHEAD].config)
    speed_scale = min(_SPEED_SCALE, configured.motion.speed_scale)
    motion = dataclasses.replace(configured.motion, speed_scale=speed_scale)
    with client_node("calibration") as node:
        node.set_parameters([Parameter("use_sim_time", value=use_sim_time)])
        node.callbacks = ReentrantCallbackGroup()  # type: ignore[attr-defined]
        clock, feed = RosClock(node), JointStateFeed(node)
        try:
            kinematics = Kinematics(arm_config, gripper_config)
            arm = RemoteArm(node, arm_config, feed, clock, kinematics.forward)
            gripper = RemoteGripper(node, gripper_config, feed, clock)
            has_color = what == "hand-eye"
            camera = RemoteCamera(
                node, clock, f"{camera_config.name}_optical_frame",
                has_color=has_color, has_depth=not has_color,
            )  # fmt: skip
            _wait_for(arm)
            camera.connect()
            cell = RobotCell(
                dataclasses.replace(configured, motion=motion),
                arm_config, gripper_config, arm, gripper, {OVERHEAD: camera}, clock,
            )  # fmt: skip
            yield CalibrationSetup(
                cell, OmplPlanner(cell), configured, camera_config, path, serial
            )
            arm.stop()
        finally:
            feed.close()


def _wait_for(arm: RemoteArm) -> None:
    deadline = time.monotonic() + _FIRST_STATE_TIMEOUT
    while not arm.is_heard:
        if time.monotonic() > deadline:
            raise DeviceTimeoutError(
                f"No joint states of {', '.join(arm.joint_names)} on '{names.JOINT_STATES}' within "
                f"{_FIRST_STATE_TIMEOUT:.0f} s. Is the arm's driver running, in this ROS domain?"
            )
        time.sleep(0.05)
