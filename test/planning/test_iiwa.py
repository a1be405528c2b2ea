"""The iiwa of the simulation and the one of its vendor's driver are the same arm."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.robot_description import assemble
from equigrasp.errors import ConfigError
from equigrasp.planning.kinematics import Kinematics

# lbr_fri_ros2_stack, lbr_description/urdf/iiwa14: origins [m] and axes of A1 … A7, then link_ee.
_ORIGINS = np.array(
    [
        [0.0, 0.0, 0.1475],
        [0.0, -0.01, 0.2125],
        [0.0, 0.01, 0.228],
        [0.0, 0.0105, 0.192],
        [0.0, -0.0105, 0.2075],
        [0.0, -0.0707, 0.1925],
        [0.0, 0.0707, 0.091],
    ]
)
_AXES = np.array([[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1.0]])
_FLANGE = 0.035  # [m] link_7 to link_ee
_SPEEDS_DEG = (85, 85, 100, 75, 130, 135, 135)  # joint_limits.yaml there
_RANGES_DEG = (170, 120, 170, 120, 170, 120, 175)


@pytest.fixture(scope="module")
def iiwa() -> ArmConfig:
    return load_config(ArmConfig, "arms", "iiwa14")


def test_joints_are_named_as_the_driver_names_them(
    iiwa: ArmConfig, gripper_config: GripperConfig
) -> None:
    kinematics = Kinematics(iiwa, gripper_config)
    assert tuple(kinematics.model.names[1:]) == iiwa.joint_names
    assert iiwa.joint_names == tuple(f"lbr_A{i}" for i in range(1, 8))


def test_the_tcp_is_where_the_vendors_description_has_it(
    iiwa: ArmConfig, gripper_config: GripperConfig, rng: np.random.Generator
) -> None:
    kinematics = Kinematics(iiwa, gripper_config)
    for positions in rng.uniform(-1.5, 1.5, (5, 7)):
        position, rotation = np.zeros(3), Rotation.identity()
        for origin, axis, angle in zip(_ORIGINS, _AXES, positions, strict=True):
            position = position + rotation.apply(origin)
            rotation = rotation * Rotation.from_rotvec(axis * angle)
        position = position + rotation.apply([0.0, 0.0, _FLANGE + gripper_config.tcp_offset])
        ours = kinematics.forward(positions)
        np.testing.assert_allclose(ours.position, position, atol=1e-6)
        assert (ours.rotation.inv() * rotation).magnitude() < 1e-6


def test_limits_are_not_beyond_the_vendors(iiwa: ArmConfig) -> None:
    assert (np.degrees(iiwa.limits.velocities) <= np.array(_SPEEDS_DEG) + 0.05).all()
    assert (np.degrees(iiwa.limits.upper) <= np.array(_RANGES_DEG) + 0.05).all()
    assert (np.degrees(iiwa.limits.lower) >= -np.array(_RANGES_DEG) - 0.05).all()


def test_a_joint_that_the_description_lacks_is_named(
    iiwa: ArmConfig, gripper_config: GripperConfig
) -> None:
    wrong = dataclasses.replace(iiwa, urdf_joint_names=("A1", *iiwa.urdf_joint_names[1:]))
    with pytest.raises(ConfigError, match="no joint 'A1'. Its joints: lbr_iiwa_joint_1, "):
        assemble(wrong, gripper_config)


def test_lists_of_another_length_are_refused(iiwa: ArmConfig) -> None:
    for key in ("home_positions", "urdf_joint_names"):
        with pytest.raises(ConfigError, match=f"{key}: 6 values for 7 joints"):
            dataclasses.replace(iiwa, **{key: getattr(iiwa, key)[:6]})


def test_planned_positions_keep_off_the_joint_limits(
    iiwa: ArmConfig, gripper_config: GripperConfig, rng: np.random.Generator
) -> None:
    kinematics = Kinematics(iiwa, gripper_config)
    tight = np.array(iiwa.limits.upper) - 0.01
    for positions in rng.uniform(-1.0, 1.0, (20, 7)) * iiwa.limits.upper:
        found = kinematics.solve(kinematics.forward(positions), positions * 0.9)
        assert found is None or (np.abs(found) < tight).all()
