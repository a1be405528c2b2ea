"""The arm comes to rest when the process that commands it is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from control_msgs.action import FollowJointTrajectory  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import active, ros  # noqa: E402
from graph import wait_for  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeArm  # noqa: E402
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.drivers.arm_node import ArmNode  # noqa: E402

pytestmark = pytest.mark.ros
BOUND = 1.0  # [s] from the kill to the stop

# A commander as the executor is one: remote arm, joint states, and `Motion` that watches over it.
COMMANDER = """
import sys, threading, numpy as np, rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from equigrasp.ros.runtime.fair_executor import FairExecutor
from equigrasp.config import load_config
from equigrasp.devices.arm import JointTrajectory
from equigrasp.devices.cell import CellConfig, RobotCell
from equigrasp.ros.remote.joint_state_feed import JointStateFeed
from equigrasp.ros.remote.remote_arm import RemoteArm
from equigrasp.ros.runtime.ros_clock import RosClock
from equigrasp.primitives.motion import Motion
rclpy.init()
node = rclpy.create_node("commander")
node.callbacks = ReentrantCallbackGroup()
executor = FairExecutor(2)
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
config = load_config(CellConfig, "cells", "ur5")
arm_config, gripper_config = config.load_arm(), config.load_gripper()
clock = RosClock(node)
arm = RemoteArm(node, arm_config, JointStateFeed(node), clock, lambda positions: None)
cell = RobotCell(config, arm_config, gripper_config, arm, None, {}, clock)
while not arm.is_heard:
    clock.pause()
start = arm.joint_state().positions
way = np.array([0.0] * 5 + [2.0])
print("ready", flush=True)
Motion(cell, threading.Event()).follow(
    JointTrajectory(np.array([0.0, 8.0]), np.stack([start, start + way]), np.zeros((2, 6)))
)
"""


def test_the_arm_stops_when_its_commander_is_killed(tmp_path: Path, wall_clock: Any) -> None:
    domain = free_domain()
    script = tmp_path / "commander.py"
    script.write_text(COMMANDER)
    cell = load_config(CellConfig, "cells", "ur5")
    with ros(domain):
        arm = FakeArm(cell.load_arm(), WallClock())
        node = ArmNode(arm, cell)
        action = FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY
        with active(node, *action, [], []):
            environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
            commander = subprocess.Popen([sys.executable, str(script)], env=environment)
            try:
                wait_for(lambda: arm.joint_state().positions[5] > 0.2, 40.0, "motion")
                time.sleep(1.0)  # longer than the allowed silence
                assert arm.motion_status().is_active
                commander.send_signal(signal.SIGKILL)
                with wall_clock.within(BOUND):
                    wait_for(lambda: not arm.motion_status().is_active, 5.0, "the arm at rest")
            finally:
                commander.kill()
                commander.wait()
            resting = arm.joint_state().positions
            assert resting[5] < 1.9  # long before the end
            time.sleep(0.3)
            np.testing.assert_array_equal(arm.joint_state().positions, resting)
