"""A descent onto an object, through the UR driver, RTDE and the virtual controller."""

import dataclasses
from collections.abc import Iterator

import pytest
from virtual_ur5 import NEEDS_UR_RTDE, RobotClock, VirtualRobot, virtual_ur5

from equigrasp.config import load_config
from equigrasp.devices.cell import OVERHEAD, CellConfig, RobotCell
from equigrasp.devices.fakes import FakeCamera, FakeGripper
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.simulation.bullet_gripper import BulletGripper

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = pytest.mark.real_time

_TOP = 0.06  # [m] of the block in the way
_APPROACH_SPEED = 0.1  # [m/s]
_MOTION_TIMEOUT = 20.0  # [s] a servo process that gets little time stretches its motions
_OVERSHOOT = 100.0  # [N] allowed; 40 N were measured on a free core


@pytest.fixture
def robot() -> Iterator[VirtualRobot]:
    with virtual_ur5() as made:
        yield made


def test_a_descent_stops_at_the_contact_force_and_retreats(robot: VirtualRobot) -> None:
    config = load_config(CellConfig, "cells", "ur5")
    slow = dataclasses.replace(
        config.motion,
        speed_scale=0.3,
        approach_speed=_APPROACH_SPEED,
        motion_timeout=_MOTION_TIMEOUT,
    )
    config = dataclasses.replace(config, motion=slow)
    arm_config, gripper_config = config.load_arm(), config.load_gripper()
    tray = config.workspaces[0]
    with robot.physics.lock:
        fingers = BulletGripper(gripper_config, robot.arm._robot)
        fingers.connect()
        fingers.teleport(gripper_config.limits.stroke)
        _put_block(robot, tray.center_x, tray.center_y)
    forces: list[float] = []
    robot.physics.add_step_hook(lambda now: forces.append(float(robot.arm.tcp_force()[2])))
    clock = RobotClock(robot)
    with UrArm(arm_config, robot.config) as arm, FakeGripper(gripper_config, clock) as gripper:
        cell = RobotCell(
            config, arm_config, gripper_config, arm, gripper, {OVERHEAD: FakeCamera(clock)}, clock
        )
        primitive = PickPrimitive(cell, OmplPlanner(cell))
        heights: dict[Phase, float] = {}

        def on_phase(phase: Phase) -> None:
            tcp = primitive.planner.forward_kinematics(arm.joint_state().positions)
            heights[phase] = float(tcp.position[2])

        grasp = PlanarGrasp(tray.center_x, tray.center_y, 0.01, 0.0, 0.085)
        outcome = primitive.execute(grasp, tray, None, on_phase=on_phase)
    assert outcome.is_contact
    assert grasp.z + 0.01 < heights[Phase.CLOSE] < _TOP
    assert heights[Phase.VERIFY] == pytest.approx(grasp.z + slow.lift_height, abs=0.005)
    limit = config.safety.contact_force
    assert limit < max(forces) < limit + _OVERSHOOT
    assert abs(forces[-1]) < 1.0  # it has let go


def _put_block(robot: VirtualRobot, x: float, y: float) -> None:
    """Put a block under the fingers that gives way as packed goods do: about 10 N a millimetre."""
    client = robot.physics.client
    half = [0.06, 0.06, _TOP / 2]
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
    block = client.createMultiBody(0.0, shape, basePosition=[x, y, _TOP / 2])
    client.changeDynamics(block, -1, contactStiffness=1250.0, contactDamping=5.0)  # each contact
