"""The semantic descriptions for MoveIt, held to the URDF, the configuration and fresh samples."""

import itertools
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pinocchio as pin
import pytest
import yaml

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.robot_description import assemble
from equigrasp.paths import config_dir
from equigrasp.planning import moveit_description
from equigrasp.planning.collision_scene import CollisionScene
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.self_collision import semantic_file, unchecked_pairs


def _model(robot: RobotCell) -> tuple["pin.Model", "pin.GeometryModel"]:
    urdf = str(assemble(robot.arm_config, robot.gripper_config))
    model = pin.buildModelFromUrdf(urdf)
    geometry = pin.buildGeomFromUrdf(model, urdf, pin.GeometryType.COLLISION)
    geometry.addAllCollisionPairs()
    return model, geometry


def _pairs(model: "pin.Model", geometry: "pin.GeometryModel") -> set[frozenset[str]]:
    names = [model.frames[o.parentFrame].name for o in geometry.geometryObjects]
    return {frozenset((names[p.first], names[p.second])) for p in geometry.collisionPairs}


def _random_posture(model: "pin.Model", robot: RobotCell, rng: np.random.Generator) -> np.ndarray:
    posture = np.full(model.nq, rng.uniform(0.0, 0.8))  # the fingers turn together
    for name, low, high in zip(
        robot.arm_config.joint_names,
        robot.arm_config.limits.lower,
        robot.arm_config.limits.upper,
        strict=True,
    ):
        posture[model.joints[model.getJointId(name)].idx_q] = rng.uniform(low, high)
    return posture


def test_files_are_what_the_command_writes_but_for_the_sampled_pairs(
    robot: RobotCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ET.parse(semantic_file(robot.config)).getroot()
    kept = {
        (p.get("link1"), p.get("link2")): p.get("reason") for p in root.iter("disable_collisions")
    }
    monkeypatch.setattr(moveit_description, "disabled_pairs", lambda arm, gripper: kept)
    for name, text in moveit_description.moveit_files(robot.config.name).items():
        path = config_dir() / "moveit" / robot.config.name / name
        assert path.read_text(encoding="utf-8") == text


def test_pinocchio_takes_the_srdf_and_finds_home_as_configured(robot: RobotCell) -> None:
    model, geometry = _model(robot)
    before = _pairs(model, geometry)
    srdf = str(semantic_file(robot.config))
    pin.removeCollisionPairs(model, geometry, srdf)
    assert before - _pairs(model, geometry) == before & (unchecked_pairs(robot.config) or set())
    pin.loadReferenceConfigurations(model, srdf)
    home = model.referenceConfigurations["home"]
    for name, position in zip(
        robot.arm_config.joint_names, robot.arm_config.home_positions, strict=True
    ):
        assert home[model.joints[model.getJointId(name)].idx_q] == position
    geometry_data = geometry.createData()
    assert not pin.computeCollisions(
        model, model.createData(), geometry, geometry_data, home, True
    )


def test_groups_name_links_and_joints_of_the_urdf(robot: RobotCell) -> None:
    urdf = ET.parse(assemble(robot.arm_config, robot.gripper_config)).getroot()
    links = {e.get("name") for e in urdf.iter("link")}
    joints = {e.get("name") for e in urdf.iter("joint")}
    root = ET.parse(semantic_file(robot.config)).getroot()
    assert root.get("name") == urdf.get("name")
    chain = root.find("group/chain")
    assert chain is not None and {chain.get("base_link"), chain.get("tip_link")} <= links
    assert {e.get("name") for e in root.iter("joint")} <= joints
    assert {e.get("name") for e in root.iter("passive_joint")} <= joints
    assert {e.get(k) for e in root.iter("disable_collisions") for k in ("link1", "link2")} <= links
    effector = root.find("end_effector")
    assert effector is not None and effector.get("parent_link") in links


def test_every_pair_left_out_is_joined_or_never_touches(
    robot: RobotCell, rng: np.random.Generator
) -> None:
    model, geometry = _model(robot)
    root = ET.parse(semantic_file(robot.config)).getroot()
    reasons = {
        frozenset((p.get("link1"), p.get("link2"))): p.get("reason")
        for p in root.iter("disable_collisions")
    }
    names = [model.frames[o.parentFrame].name for o in geometry.geometryObjects]
    geometry.removeAllCollisionPairs()
    for i, j in itertools.combinations(range(len(names)), 2):
        reason = reasons.get(frozenset((names[i], names[j])))
        if reason == "Never":
            geometry.addCollisionPair(pin.CollisionPair(i, j))
        elif reason is not None:  # the joints of neighbours follow each other
            assert reason == "Adjacent"
            joint, other = sorted(geometry.geometryObjects[k].parentJoint for k in (i, j))
            above = list(model.supports[other])
            assert joint in above and len(above) - above.index(joint) <= 3
    data, geometry_data = model.createData(), geometry.createData()
    for _ in range(1500):
        posture = _random_posture(model, robot, rng)
        assert not pin.computeCollisions(model, data, geometry, geometry_data, posture, True)


def test_our_own_scene_checks_the_pairs_of_the_srdf(robot: RobotCell) -> None:
    kinematics = Kinematics(robot.arm_config, robot.gripper_config)
    scene = CollisionScene(kinematics, robot.config)
    objects = scene._geometry.geometryObjects
    links = kinematics.geometry.ngeoms
    names = [kinematics.model.frames[objects[i].parentFrame].name for i in range(links)]
    checked = {
        frozenset((names[p.first], names[p.second]))
        for p in scene._geometry.collisionPairs
        if p.second < links
    }
    movable = {
        frozenset((names[i], names[j]))
        for i, j in itertools.combinations(range(links), 2)
        if objects[i].parentJoint != objects[j].parentJoint
    }
    assert checked == movable - (unchecked_pairs(robot.config) or set())


def test_joint_limits_are_the_arm_s(robot: RobotCell) -> None:
    path = config_dir() / "moveit" / robot.config.name / "joint_limits.yaml"
    limits = yaml.safe_load(path.read_text())["robot_description_planning"]["joint_limits"]
    ours = robot.arm_config.limits
    for i, name in enumerate(robot.arm_config.joint_names):
        assert limits[name]["min_position"] == ours.lower[i]
        assert limits[name]["max_position"] == ours.upper[i]
        assert limits[name]["max_velocity"] == ours.velocities[i]
        assert limits[name]["max_acceleration"] == ours.accelerations[i]


def test_a_cell_without_an_srdf_checks_links_two_joints_apart(robot: RobotCell) -> None:
    kinematics = Kinematics(robot.arm_config, robot.gripper_config)
    scene = CollisionScene(kinematics, replace(robot.config, name="bench"))
    links = kinematics.geometry.ngeoms
    objects = scene._geometry.geometryObjects
    for pair in scene._geometry.collisionPairs:
        if pair.second < links:
            assert objects[pair.second].parentJoint - objects[pair.first].parentJoint > 2
