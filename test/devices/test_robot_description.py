"""Descriptions as their makers ship them."""

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig, CellConfig, GripperConfig
from equigrasp.devices.robot_description import assemble, find_description
from equigrasp.errors import ConfigError
from equigrasp.planning.kinematics import Kinematics

HOME = np.array([0.3, -1.2, 1.5, -1.8, -1.5, 0.4])


@pytest.fixture
def arm() -> ArmConfig:
    return load_config(CellConfig, "cells", "ur5").load_arm()


@pytest.fixture
def gripper() -> GripperConfig:
    return load_config(CellConfig, "cells", "ur5").load_gripper()


def _changed(arm: ArmConfig, folder: Path, kinds: dict[int, str], mimic: int = -1) -> ArmConfig:
    """Return the arm with joints of other kinds, their limits as such joints have them."""
    root = ET.parse(find_description(arm.urdf)).getroot()
    joints = {joint.get("name"): joint for joint in root.findall("joint")}
    for i, kind in kinds.items():
        joint = joints[arm.joint_names[i]]
        joint.set("type", kind)
        limit = joint.find("limit")
        assert limit is not None
        if i % 2:
            joint.remove(limit)
        else:
            del limit.attrib["lower"], limit.attrib["upper"]
    if mimic >= 0:
        ET.SubElement(joints[arm.joint_names[mimic]], "mimic", joint=arm.joint_names[0])
    path = folder / "arm.urdf"
    ET.ElementTree(root).write(path)
    return dataclasses.replace(arm, urdf=str(path))


@pytest.mark.parametrize("which", [(5,), (0, 4, 5), (0, 1, 2, 3, 4, 5)])
def test_a_continuous_joint_turns_like_any(
    arm: ArmConfig, gripper: GripperConfig, tmp_path: Path, which: tuple[int, ...]
) -> None:
    other = Kinematics(_changed(arm, tmp_path, dict.fromkeys(which, "continuous")), gripper)
    expected = Kinematics(arm, gripper).forward(HOME)
    found = other.forward(HOME)
    assert found.matrix() == pytest.approx(expected.matrix())
    (near, *_) = other.solutions(expected, HOME + 0.05)
    assert near == pytest.approx(HOME, abs=1e-3)
    assert other.model.nq == 6


@pytest.mark.parametrize("kind", ["fixed", "floating", "planar"])
def test_a_joint_that_does_not_move_along_one_axis_is_named(
    arm: ArmConfig, gripper: GripperConfig, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(ConfigError, match=f"joint 'wrist_2_joint' is {kind}"):
        assemble(_changed(arm, tmp_path, {4: kind}), gripper)


def test_a_joint_that_follows_another_is_named(
    arm: ArmConfig, gripper: GripperConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="joint 'wrist_3_joint' follows another"):
        assemble(_changed(arm, tmp_path, {}, mimic=5), gripper)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<robot", "cannot be read"),
        (b"", "cannot be read"),
        ("<robot name='gr\u00f6\u00dfe'/>".encode("latin-1"), "cannot be read"),
        (b"<?xml version='1.0' encoding='nonsense'?><robot/>", "cannot be read"),
        (b"<sdf/>", "begins with <sdf>"),
    ],
)
def test_a_description_that_is_none_is_named(
    arm: ArmConfig, gripper: GripperConfig, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "arm.urdf"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"arm\.urdf .*{message}"):
        assemble(dataclasses.replace(arm, urdf=str(path)), gripper)
