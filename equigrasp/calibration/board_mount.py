"""The board as part of the gripper's description: for collision checks and for the simulation."""

import dataclasses
import hashlib
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np

from equigrasp.calibration.board import BoardConfig
from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.robot_description import find_description
from equigrasp.geometry.transform import Transform
from equigrasp.private_folder import keep, temporary_folder

_SQUARE_PX = 64  # of the picture on the simulated board
_MARGIN = 0.008  # [m] of white about the squares
_THICKNESS = 0.004  # [m]


def gripper_with_board(
    gripper: GripperConfig, board: BoardConfig, t_tcp_board: Transform
) -> GripperConfig:
    """Return a gripper whose description, in a temporary folder, carries the board.

    Args:
        gripper: What carries it.
        board: The board; its plate is a little larger than the squares.
        t_tcp_board: Where the board is in the TCP frame.
    """
    root = ET.parse(find_description(gripper.urdf)).getroot()
    children = {j.find("child").get("link") for j in root.iter("joint")}  # type: ignore[union-attr]
    base = next(e.get("name") for e in root.findall("link") if e.get("name") not in children)
    pose = Transform.from_rpy(np.array([0.0, 0.0, gripper.tcp_offset]), np.zeros(3)) * t_tcp_board
    name = hashlib.sha256(repr((gripper, board, pose.matrix().round(9))).encode()).hexdigest()[:16]
    folder = temporary_folder("urdf") / f"board_{name}"
    _write_mesh(folder, board)
    _add_link(root, str(base), pose, board, folder)
    for mesh in root.iter("mesh"):  # the copy lies elsewhere
        file = Path(mesh.get("filename", ""))
        if not file.is_absolute():
            mesh.set("filename", str((find_description(gripper.urdf).parent / file).resolve()))
    path = folder / "gripper.urdf"
    keep(path, ET.tostring(root, encoding="unicode").encode())
    return dataclasses.replace(gripper, urdf=str(path))


def _add_link(
    root: ET.Element, parent: str, pose: Transform, board: BoardConfig, folder: Path
) -> None:
    link = ET.SubElement(root, "link", name="calibration_board")
    inertial = ET.SubElement(link, "inertial")
    ET.SubElement(inertial, "mass", value="0.1")
    inertia = {"ixx": "1e-3", "iyy": "1e-3", "izz": "1e-3", "ixy": "0", "ixz": "0", "iyz": "0"}
    ET.SubElement(inertial, "inertia", inertia)
    visual = ET.SubElement(ET.SubElement(link, "visual"), "geometry")
    ET.SubElement(visual, "mesh", filename=str(folder / "board.obj"))
    width, height = (s + 2 * _MARGIN for s in board.size)
    collision = ET.SubElement(link, "collision")
    x, y = (s / 2.0 for s in board.size)
    ET.SubElement(collision, "origin", xyz=f"{x} {y} {_THICKNESS / 2.0}", rpy="0 0 0")
    shape = ET.SubElement(collision, "geometry")
    ET.SubElement(shape, "box", size=f"{width} {height} {_THICKNESS}")
    joint = ET.SubElement(root, "joint", name="calibration_board_joint", type="fixed")
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link="calibration_board")
    xyz = " ".join(f"{v:.9f}" for v in pose.position)
    rpy = " ".join(f"{v:.9f}" for v in pose.rotation.as_euler("xyz"))
    ET.SubElement(joint, "origin", xyz=xyz, rpy=rpy)


def _write_mesh(folder: Path, board: BoardConfig) -> None:
    """Write a plate with the printed picture on its face (towards -z)."""
    margin_px = round(_MARGIN / board.square_length * _SQUARE_PX)
    margin = margin_px / _SQUARE_PX * board.square_length
    _, png = cv2.imencode(".png", board.draw(_SQUARE_PX, margin_px))
    keep(folder / "board.png", png.tobytes())
    keep(folder / "board.mtl", b"newmtl print\nKd 1 1 1\nmap_Kd board.png\n")
    low, (high_x, high_y) = -margin, (s + margin for s in board.size)
    corners = [(low, low), (high_x, low), (high_x, high_y), (low, high_y)]
    lines = ["mtllib board.mtl", "usemtl print"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for z in (0.0, _THICKNESS) for x, y in corners]
    # A picture's first row has texture coordinate v = 1. The back shows one white texel.
    lines += ["vt 0 1", "vt 1 1", "vt 1 0", "vt 0 0", "vt 0.001 0.999"]
    lines += ["vn 0 0 -1", "vn 0 0 1"]
    lines += ["f 1/1/1 4/4/1 3/3/1", "f 1/1/1 3/3/1 2/2/1"]
    lines += ["f 5/5/2 6/5/2 7/5/2", "f 5/5/2 7/5/2 8/5/2"]
    keep(folder / "board.obj", ("\n".join(lines) + "\n").encode())
