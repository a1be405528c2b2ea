"""The robot description of a whole cell, for RViz: arm, gripper, trays, table and obstacles."""

import xml.etree.ElementTree as ET
from pathlib import Path

from equigrasp.devices.cell import ArmConfig, CellConfig, GripperConfig
from equigrasp.devices.obstacle import Obstacle
from equigrasp.devices.robot_description import assemble
from equigrasp.errors import ConfigError
from equigrasp.planning.fixed_bodies import fixed_bodies

_COLORS = {"table": "0.55 0.5 0.45 1", "tray": "0.75 0.77 0.8 1", "": "0.4 0.4 0.45 1"}


def robot_description(arm: ArmConfig, gripper: GripperConfig) -> str:
    """Return the URDF of arm and gripper; meshes are URLs, which RViz and MoveIt ask for."""
    root = ET.parse(assemble(arm, gripper)).getroot()
    _name_meshes_by_url(root)
    return ET.tostring(root, encoding="unicode")


def cell_description(cell: CellConfig, base: str) -> str:
    """Return the URDF of a cell: its robot and all that stands there.

    What stands there are link `cell` and, in the middle of each tray's floor, a link
    `workspace_<name>`. The camera is not in it: its driver tells where it is.

    Args:
        cell: With its calibration applied.
        base: What the root link is called, which is the arm's foot.

    Raises:
        ConfigError: if the arm's description has another link of that name, or lacks its foot.
    """
    arm, gripper = cell.load_arm(), cell.load_gripper()
    root = ET.parse(assemble(arm, gripper)).getroot()
    root.set("name", cell.name)
    for element in [e for e in root if e.tag not in ("link", "joint", "material")]:
        root.remove(element)  # of simulators and controllers
    _hang_from(root, arm.base_frame, base)
    _name_meshes_by_url(root)
    stand = ET.SubElement(root, "link", name="cell")
    for body in fixed_bodies(cell):
        stand.append(_visual(body))
    _fix(root, base, "cell", "0 0 0")
    for w in cell.workspaces:
        link = f"workspace_{w.name}"
        ET.SubElement(root, "link", name=link)
        _fix(root, base, link, f"{w.center_x} {w.center_y} {w.floor_z}")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _hang_from(root: ET.Element, foot: str, base: str) -> None:
    """Cut off what lies above the foot, such as a `world`, and make `base` the root."""
    joints = {_link(joint, "child"): joint for joint in root.findall("joint")}
    links = {link.get("name", ""): link for link in root.findall("link")}
    if foot not in links:
        known = ", ".join(links)
        raise ConfigError(f"The arm's description has no link '{foot}'. Its links: {known}.")
    for name, link in links.items():
        above = name
        while above != foot and above in joints:
            above = _link(joints[above], "parent")
        if above != foot:
            root.remove(link)
    for child, joint in joints.items():
        if child == foot or links[child] not in root:
            root.remove(joint)
    if base == foot:
        return
    if base in links and links[base] in root:
        raise ConfigError(
            f"The arm's description has a link '{base}' that is not its foot '{foot}'."
        )
    ET.SubElement(root, "link", name=base)
    _fix(root, base, foot, "0 0 0")


def _name_meshes_by_url(root: ET.Element) -> None:
    for mesh in root.iter("mesh"):
        mesh.set("filename", Path(mesh.get("filename", "")).as_uri())


def _visual(body: Obstacle) -> ET.Element:
    visual = ET.Element("visual", name=body.name)
    ET.SubElement(visual, "origin", xyz=_text(body.center), rpy=_text(body.rpy))
    geometry = ET.SubElement(visual, "geometry")
    if body.shape == "box":
        ET.SubElement(geometry, "box", size=_text(body.size))
    else:
        radius, length = body.size[0] / 2.0, body.size[2]
        ET.SubElement(geometry, "cylinder", radius=str(radius), length=str(length))
    kind = body.name.split()[0]
    kind = kind if kind in _COLORS else ""
    material = ET.SubElement(visual, "material", name=f"cell_{kind or 'obstacle'}")
    ET.SubElement(material, "color", rgba=_COLORS[kind])
    return visual


def _fix(root: ET.Element, parent: str, child: str, xyz: str) -> None:
    joint = ET.SubElement(root, "joint", name=f"{child}_mount_joint", type="fixed")
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link=child)
    ET.SubElement(joint, "origin", xyz=xyz, rpy="0 0 0")


def _link(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def _text(numbers: tuple[float, float, float]) -> str:
    return " ".join(str(float(v)) for v in numbers)
