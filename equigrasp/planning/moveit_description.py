"""Write what MoveIt needs to know of a cell: `python -m equigrasp.planning.moveit_description`."""

import xml.etree.ElementTree as ET
from pathlib import Path

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.robot_description import assemble
from equigrasp.paths import config_dir
from equigrasp.planning.self_collision import disabled_pairs

GROUP, FINGERS, TCP = "arm", "gripper", "tcp"
_CELLS = ("ur5", "kuka")
_HEADER = "written by `python -m equigrasp.planning.moveit_description`; do not edit"


def semantic_description(arm: ArmConfig, gripper: GripperConfig) -> str:
    """Return the SRDF of an arm with its gripper: groups, states, and pairs that are not checked."""
    urdf = ET.parse(assemble(arm, gripper)).getroot()
    fingers = [
        joint.get("name", "")
        for joint in urdf.iter("joint")
        if joint.get("type") not in (None, "fixed") and joint.get("name") not in arm.joint_names
    ]
    root = ET.Element("robot", name=urdf.get("name", ""))
    root.append(
        ET.Comment(f" Semantic description of {arm.name} with {gripper.name}, {_HEADER}. ")
    )
    group = ET.SubElement(root, "group", name=GROUP)
    ET.SubElement(group, "chain", base_link=arm.base_frame, tip_link=TCP)
    group = ET.SubElement(root, "group", name=FINGERS)
    for name in fingers:
        ET.SubElement(group, "joint", name=name)
    home = ET.SubElement(root, "group_state", name="home", group=GROUP)
    for name, position in zip(arm.joint_names, arm.home_positions, strict=True):
        ET.SubElement(home, "joint", name=name, value=repr(position))
    ET.SubElement(
        root,
        "end_effector",
        name="gripper",
        parent_link=_parent_of(urdf, TCP),
        group=FINGERS,
        parent_group=GROUP,
    )
    for name in fingers:
        if name != gripper.joint_name:
            ET.SubElement(root, "passive_joint", name=name)
    for (first, second), reason in disabled_pairs(arm, gripper).items():
        ET.SubElement(root, "disable_collisions", link1=first, link2=second, reason=reason)
    ET.indent(root)
    return '<?xml version="1.0"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def joint_limits(arm: ArmConfig) -> str:
    """Return `joint_limits.yaml` of an arm: our limits in MoveIt's words."""
    lines = [
        f"# Limits of {arm.name} for MoveIt, {_HEADER}. [rad], [rad/s], [rad/s^2]",
        "robot_description_planning:",
        "  joint_limits:",
    ]
    limits = arm.limits
    for i, name in enumerate(arm.joint_names):
        lines += [
            f"    {name}:",
            "      has_position_limits: true",
            f"      min_position: {limits.lower[i]}",
            f"      max_position: {limits.upper[i]}",
            "      has_velocity_limits: true",
            f"      max_velocity: {limits.velocities[i]}",
            "      has_acceleration_limits: true",
            f"      max_acceleration: {limits.accelerations[i]}",
        ]
    return "\n".join(lines) + "\n"


def moveit_files(cell: str) -> dict[str, str]:
    """Return the content of the files in `config/moveit/<cell>/`, by name."""
    config = load_cell(cell)
    arm = config.load_arm()
    gripper = config.load_gripper()
    return {
        f"{config.name}.srdf": semantic_description(arm, gripper),
        "joint_limits.yaml": joint_limits(arm),
    }


def write_moveit_files(cell: str, folder: Path) -> None:
    """Write the files of a cell into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in moveit_files(cell).items():
        (folder / name).write_text(text, encoding="utf-8")


def _parent_of(urdf: ET.Element, link: str) -> str:
    for joint in urdf.iter("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        if parent is not None and child is not None and child.get("link") == link:
            return parent.get("link", "")
    raise AssertionError(f"no link '{link}'")


def main() -> None:
    """Write the files of the cells that come with the project."""
    for cell in _CELLS:
        write_moveit_files(cell, config_dir() / "moveit" / cell)


if __name__ == "__main__":
    main()
