"""One URDF of arm and gripper, put together from packages and the project's own files."""

import hashlib
import importlib.util
import os
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.errors import ConfigError
from equigrasp.paths import urdf_dir
from equigrasp.private_folder import keep, temporary_folder

_ARM_JOINTS = ("revolute", "continuous", "prismatic")
_LONGEST_NAME = 80  # letters


def find_description(urdf: str) -> Path:
    """Return the path of a description: absolute, `package:relative/path` or relative to `urdf/`.

    Raises:
        ConfigError: if the package or the file is missing; names what to install.
    """
    package, _, relative = urdf.rpartition(":")
    path = (_package_folder(package) if package else urdf_dir()) / relative
    if not path.is_file():
        raise ConfigError(f"Robot description '{urdf}' is missing: no file {path}.")
    return path


def assemble(arm: ArmConfig, gripper: GripperConfig) -> Path:
    """Write one URDF with the gripper fixed to the arm's flange, and return its path.

    Mesh paths are made absolute and detailed visual meshes give way to the collision meshes, so
    that rendering stays cheap. The file lies in a folder of
    this user alone; it is named after its content, and checked before it is used again.
    """
    root = _load(find_description(arm.urdf))
    _adapt_joints(root, arm)
    tool = _load(find_description(gripper.urdf))
    _simplify_visuals(root)
    tool_root = _root_link(tool)
    for element in list(tool):
        if element.tag in ("link", "joint"):
            root.append(element)
    mount = ET.SubElement(root, "joint", name="gripper_mount_joint", type="fixed")
    ET.SubElement(mount, "parent", link=arm.flange_frame)
    ET.SubElement(mount, "child", link=tool_root)
    ET.SubElement(mount, "origin", xyz=f"0 0 {arm.flange_length}", rpy="0 0 0")
    _add_tcp(root, tool_root, gripper.tcp_offset)
    content = ET.tostring(root, encoding="unicode").encode()
    digest = hashlib.sha256(content).hexdigest()[:16]
    name = re.sub(r"\W", "_", f"{arm.name}_{gripper.name}")[:_LONGEST_NAME]
    path = temporary_folder("urdf") / f"{name}_{digest}.urdf"
    keep(path, content)
    return path


def _adapt_joints(root: ET.Element, arm: ArmConfig) -> None:
    """Give the arm's joints the names that everybody else knows them by, and the arm's limits.

    A continuous joint becomes a revolute one: the arm's limits hold for it all the same, and a position
    of its own kind (Pinocchio's is a pair of cosine and sine) does not fit the others.

    Raises:
        ConfigError: if the description lacks one of them, or it does not move by itself.
    """
    old = arm.urdf_joint_names or arm.joint_names
    joints = {joint.get("name"): joint for joint in root.findall("joint")}
    missing = [name for name in old if name not in joints]
    if missing:
        known = ", ".join(sorted(str(name) for name in joints))
        raise ConfigError(f"'{arm.urdf}' has no joint '{missing[0]}'. Its joints: {known}.")
    limits, rows = arm.limits, zip(old, arm.joint_names, strict=True)
    for i, (name, new) in enumerate(rows):
        joint = joints[name]
        kind = joint.get("type")
        if kind not in _ARM_JOINTS or joint.find("mimic") is not None:
            what = "follows another" if kind in _ARM_JOINTS else f"is {kind}"
            raise ConfigError(
                f"'{arm.urdf}': joint '{name}' {what}; a joint of the arm is {', '.join(_ARM_JOINTS)}."
            )
        joint.set("name", new)
        if kind == "continuous":
            joint.set("type", "revolute")
            limit = joint.find("limit")
            limit = ET.SubElement(joint, "limit") if limit is None else limit
            values = limits.lower[i], limits.upper[i], limits.velocities[i], limits.efforts[i]
            names = ("lower", "upper", "velocity", "effort")
            limit.attrib.update({k: str(v) for k, v in zip(names, values, strict=True)})
            for safety in joint.findall("safety_controller"):
                joint.remove(safety)


def _add_tcp(root: ET.Element, parent: str, offset: float) -> None:
    tcp = ET.SubElement(root, "link", name="tcp")
    inertial = ET.SubElement(tcp, "inertial")
    ET.SubElement(inertial, "mass", value="0.001")
    ET.SubElement(
        inertial, "inertia", ixx="1e-6", iyy="1e-6", izz="1e-6", ixy="0", ixz="0", iyz="0"
    )
    joint = ET.SubElement(root, "joint", name="tcp_joint", type="fixed")
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link="tcp")
    ET.SubElement(joint, "origin", xyz=f"0 0 {offset}", rpy="0 0 0")


def _package_folder(package: str) -> Path:
    if package == "pybullet_data":
        spec = importlib.util.find_spec("pybullet_data")  # its data only: no simulator needed
        if spec is None or spec.origin is None:
            raise ConfigError(
                "The package 'pybullet_data' is missing: pip install pybullet==3.2.7"
            )
        return Path(spec.origin).parent
    if package == "example-robot-data":
        for base in [*sys.path, sys.prefix]:
            folder = Path(base) / "cmeel.prefix" / "share" / "example-robot-data" / "robots"
            if folder.is_dir():
                return folder
        raise ConfigError(
            "The robot descriptions of 'example-robot-data' are missing. "
            "Install them: pip install --no-deps example-robot-data==6.0.0"
        )
    raise ConfigError(
        f"Unknown description package '{package}'. Known: example-robot-data, pybullet_data."
    )


def _load(path: Path) -> ET.Element:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError, UnicodeError, LookupError, ValueError) as error:
        raise ConfigError(f"Robot description {path} cannot be read: {error}.") from error
    if root.tag != "robot":
        raise ConfigError(f"{path} is no robot description: it begins with <{root.tag}>.")
    for mesh in root.iter("mesh"):
        mesh.set("filename", str(_mesh_path(mesh.get("filename", ""), path.parent)))
    return root


def _mesh_path(name: str, folder: Path) -> Path:
    """Return the file of a mesh, named as in a URDF that lies in `folder`.

    Raises:
        ConfigError: if its ROS package is not to be found.
    """
    if not name.startswith("package://"):
        return (folder / name.removeprefix("file://")).resolve()
    package, _, relative = name.removeprefix("package://").partition("/")
    if package == "example-robot-data":
        return _package_folder(package) / relative.removeprefix("robots/")
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        share = Path(prefix) / "share" / package
        if prefix and share.is_dir():
            return share / relative
    raise ConfigError(
        f"Mesh '{name}': no ROS package '{package}' below AMENT_PREFIX_PATH. Source its workspace."
    )


def _simplify_visuals(root: ET.Element) -> None:
    for link in root.iter("link"):
        visual, collision = link.find("visual/geometry"), link.find("collision/geometry")
        if visual is not None and collision is not None and visual.find("mesh") is not None:
            for child in list(visual):
                visual.remove(child)
            visual.extend(list(collision))


def _root_link(root: ET.Element) -> str:
    children = {j.find("child").get("link") for j in root.iter("joint")}  # type: ignore[union-attr]
    roots = [link.get("name") for link in root.findall("link") if link.get("name") not in children]
    if len(roots) != 1 or roots[0] is None:
        raise ConfigError(f"A gripper description needs one root link, found {roots}.")
    return roots[0]
