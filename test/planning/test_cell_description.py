"""The description of a cell for RViz, against the kinematics that plan in it."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import CellConfig
from equigrasp.errors import ConfigError
from equigrasp.geometry import four_bar
from equigrasp.geometry.transform import Transform
from equigrasp.planning.cell_description import cell_description, robot_description
from equigrasp.planning.fixed_bodies import fixed_bodies
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.link_frames import LinkFrames

KNUCKLE = "robotiq_85_left_knuckle_joint"
PADS = 2 * (0.00253 + 0.005)  # [m] from the joints of both pads to their faces


@pytest.fixture(params=["ur5", "kuka"])
def cell(request: pytest.FixtureRequest) -> CellConfig:
    return load_cell(request.param)


def test_frames_agree_with_the_kinematics(cell: CellConfig) -> None:
    arm, rng = cell.load_arm(), np.random.default_rng(0)
    frames = LinkFrames(cell_description(cell, "base_link"))
    kinematics = Kinematics(arm, cell.load_gripper())
    for _ in range(5):
        q = rng.uniform(arm.limits.lower, arm.limits.upper)
        expected = kinematics.forward(q)
        found = _pose(frames, "tcp", dict(zip(arm.joint_names, q, strict=True)) | {KNUCKLE: 0.3})
        assert np.allclose(found.matrix(), expected.matrix(), atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.8])
def test_the_linkage_follows_the_knuckle(angle: float) -> None:
    cell = load_cell("ur5")
    frames = LinkFrames(cell_description(cell, "base_link"))
    joints = {KNUCKLE: angle} | dict.fromkeys(cell.load_arm().joint_names, 0.0)
    tips = [_pose(frames, f"robotiq_85_{s}_finger_tip_link", joints) for s in ("left", "right")]
    in_first = tips[0].inverse() * tips[1]
    assert np.allclose(in_first.rotation.as_rotvec(), 0.0, atol=1e-9)  # the pads stay parallel
    gap = abs(in_first.position[0]) - PADS
    assert gap == pytest.approx(four_bar.width_of(angle), abs=1e-4)


def test_one_tree_hangs_from_the_base(cell: CellConfig) -> None:
    root = ET.fromstring(cell_description(cell, "base_link"))
    links = [link.get("name") for link in root.findall("link")]
    children = [joint.find("child").get("link") for joint in root.findall("joint")]
    assert len(set(links)) == len(links) and len(set(children)) == len(children)
    assert set(links) - set(children) == {"base_link"}
    assert not any("optical" in link for link in links)  # the camera's driver tells of it


def test_trays_and_obstacles_are_in_it(cell: CellConfig) -> None:
    text = cell_description(cell, "base_link")
    visuals = ET.fromstring(text).findall("link[@name='cell']/visual")
    assert [v.get("name") for v in visuals] == [b.name for b in fixed_bodies(cell)]
    fixed = {p.child: p.pose for p in LinkFrames(text).fixed}
    for w in cell.workspaces:
        found = fixed[f"workspace_{w.name}"].position
        assert np.allclose(found, [w.center_x, w.center_y, w.floor_z])


def test_meshes_are_urls_of_files(cell: CellConfig) -> None:
    for text in (
        cell_description(cell, "base_link"),
        robot_description(cell.load_arm(), cell.load_gripper()),
    ):
        urls = [urlparse(m.get("filename")) for m in ET.fromstring(text).iter("mesh")]
        assert urls and {u.scheme for u in urls} == {"file"}
        assert all(Path(unquote(u.path)).is_file() for u in urls)


def test_a_foot_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = load_cell("ur5")
    arm = replace(cell.load_arm(), base_frame="foot")
    monkeypatch.setattr(CellConfig, "load_arm", lambda _: arm)
    with pytest.raises(ConfigError, match="no link 'foot'. Its links: shoulder_link|base_link"):
        cell_description(cell, "base_link")
    monkeypatch.setattr(CellConfig, "load_arm", lambda _: replace(arm, base_frame="base_link"))
    with pytest.raises(ConfigError, match="link 'tool0' that is not its foot"):
        cell_description(cell, "tool0")


@pytest.mark.parametrize(
    ("joint", "message"),
    [
        (
            '<joint name="j" type="floating"><parent link="a"/><child link="b"/></joint>',
            "floating",
        ),
        ('<joint name="j" type="fixed"><parent link="a"/></joint>', "lacks parent or child"),
        (
            '<joint name="j" type="revolute"><parent link="a"/><child link="b"/>'
            '<axis xyz="0 0 0"/></joint>',
            "length 0",
        ),
        (
            '<joint name="j" type="fixed"><parent link="a"/><child link="b"/>'
            '<origin xyz="0 nan 0"/></joint>',
            "not three finite numbers",
        ),
        ("<joint", "cannot be read"),
    ],
)
def test_descriptions_that_say_nothing_are_refused(joint: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LinkFrames(f"<robot>{joint}</robot>")


def test_a_sliding_joint_slides_along_its_axis() -> None:
    frames = LinkFrames(
        '<robot><joint name="j" type="prismatic"><parent link="a"/><child link="b"/>'
        '<axis xyz="0 2 0"/></joint><joint name="k" type="prismatic"><parent link="a"/>'
        '<child link="c"/><axis xyz="0 1 0"/><mimic joint="j" multiplier="-2" offset="1"/></joint></robot>'
    )
    assert frames.joint_names == {"j"}
    poses = {p.child: p.pose.position for p in frames.moving({"j": 0.25, "other": 1.0})}
    assert np.allclose(poses["b"], [0, 0.25, 0]) and np.allclose(poses["c"], [0, 0.5, 0])


def _pose(frames: LinkFrames, link: str, joints: dict[str, float]) -> Transform:
    by_child = {p.child: p for p in [*frames.fixed, *frames.moving(joints)]}
    pose = Transform.identity()
    while link in by_child:
        pose, link = by_child[link].pose * pose, by_child[link].parent
    assert link == "base_link"
    return pose
